import { causesCollection, controlCollection, storedNameFault } from '@freshet/mongodb-rules'
import { type CollectionPlace, type Id, type IdType, placesOf } from '@freshet/protocol'
import { BsonCursor, bsonTypes, elementEnd, idFromBson, startsAt, uint32At, valueStart } from '@freshet/bson'
import type { ClusterTime } from './cluster-time.ts'

/** A collection whose changes matter. */
export interface Watched {
  /** Its public name. */
  readonly name: string
  /** Its name in the database. */
  readonly stored: string
  readonly idType: IdType
  /**
   * `data`: changes are emitted. `control`: heartbeats, and documents that identify the source. `causes`: records that
   * explain the next document change in the same transaction.
   */
  readonly use: 'data' | 'control' | 'causes'
}

/** Finds collections by the bytes of their name in an event, without decoding them. */
export class WatchList {
  readonly #entries: readonly { readonly watched: Watched; readonly name: Buffer }[]

  constructor(collections: ReadonlyMap<string, CollectionPlace>) {
    const own: readonly Watched[] = [
      { name: controlCollection, stored: controlCollection, idType: 'string', use: 'control' },
      { name: causesCollection, stored: causesCollection, idType: 'objectid', use: 'causes' },
    ]
    const places = placesOf(collections, storedNameFault)
    const data = [...places].map(([name, place]): Watched => ({ name, ...place, use: 'data' }))
    this.#entries = [...data, ...own].map((watched) => ({ watched, name: Buffer.from(watched.stored) }))
  }

  /** All collections whose contents are needed, internal ones included. */
  get names(): readonly string[] {
    return this.#entries.map(({ watched }) => watched.stored)
  }

  /** The collection whose name is `length` bytes long and starts at `at`, if watched. */
  find(bytes: Uint8Array, at: number, length: number): Watched | undefined {
    for (const { watched, name } of this.#entries) {
      if (name.length === length && startsAt(bytes, at, name)) return watched
    }
    return undefined
  }
}

const names = {
  token: Buffer.from('_id'),
  operation: Buffer.from('operationType'),
  time: Buffer.from('clusterTime'),
  document: Buffer.from('fullDocument'),
  namespace: Buffer.from('ns'),
  key: Buffer.from('documentKey'),
  transaction: Buffer.from('txnNumber'),
  target: Buffer.from('to'),
  collection: Buffer.from('coll'),
  data: Buffer.from('_data'),
  id: Buffer.from('_id'),
}

/** Nearly all events are of these; comparing bytes is cheaper than decoding them. */
const usualOperations = ['insert', 'update', 'replace', 'delete'].map((text) => ({
  text,
  bytes: Buffer.from(text),
}))

/** Not found: no value begins before the fifth byte. */
const NONE = 0

/**
 * Reads a change event from its raw bytes. One pass records the offsets of the few relevant fields; no objects are
 * created. One reader is reused for all events and describes the one last passed to {@link read}.
 */
export class EventReader implements ClusterTime {
  readonly #watchList: WatchList
  #bytes: Buffer = Buffer.alloc(0)
  #operationAt = NONE
  #documentAt = NONE
  #namespaceAt = NONE
  #targetAt = NONE
  #keyAt = NONE
  #tokenAt = NONE
  high = 0
  low = 0
  /** Events of one transaction share their cluster time. */
  inTransaction = false
  /** The event's collection; `undefined` if it is not watched or the event has none. */
  collection: Watched | undefined

  constructor(watchList: WatchList) {
    this.#watchList = watchList
  }

  /** @throws {RangeError} if the bytes are not an event. */
  read(bytes: Buffer): void {
    this.#bytes = bytes
    this.#operationAt = this.#documentAt = this.#namespaceAt = NONE
    this.#targetAt = this.#keyAt = this.#tokenAt = NONE
    this.high = this.low = 0
    this.inTransaction = false
    const cursor = new BsonCursor(bytes)
    while (cursor.next()) this.#note(cursor)
    cursor.expectComplete()
    if (this.#operationAt === NONE || this.high === 0)
      throw new RangeError('expected a change event with operationType and clusterTime')
    this.collection = this.#collectionAt(this.#namespaceAt)
  }

  /** The server's operation type: `insert`, `replace`, `update`, `delete`, `drop`, … */
  get operation(): string {
    const at = this.#operationAt
    const length = uint32At(this.#bytes, at) - 1
    for (const { text, bytes } of usualOperations)
      if (bytes.length === length && startsAt(this.#bytes, at + 4, bytes)) return text
    return this.#text(at)
  }

  /** The new name of a renamed collection, if watched. */
  get target(): Watched | undefined {
    return this.#collectionAt(this.#targetAt)
  }

  /** The full document: a view into the reply's buffer. */
  get document(): Buffer | undefined {
    const at = this.#documentAt
    return at === NONE ? undefined : this.#bytes.subarray(at, at + uint32At(this.#bytes, at))
  }

  /** The id in the collection's id type; `undefined` if the document's id is of another type. */
  idIn({ idType }: Watched): Id | undefined {
    const at = this.#keyAt
    // 4 bytes of length, the type, then the name `_id` and its NUL. With a shard key it would not come first.
    if (at === NONE || !startsAt(this.#bytes, at + 5, names.id) || this.#bytes[at + 8] !== 0) return undefined
    return idFromBson(idType, this.#bytes[at + 4] ?? 0, this.#bytes, at + 9)
  }

  /** The event's own resume token. For checks, not for the hot path. */
  get token(): string {
    return this.#tokenAt === NONE ? '' : this.#text(this.#find(this.#tokenAt, names.data))
  }

  #note(cursor: BsonCursor): void {
    const bytes = this.#bytes
    const { type, nameAt, valueAt } = cursor
    switch (valueAt - 1 - nameAt) {
      case 2:
        if (type !== bsonTypes.document) return
        if (startsAt(bytes, nameAt, names.namespace)) this.#namespaceAt = valueAt
        else if (startsAt(bytes, nameAt, names.target)) this.#targetAt = valueAt
        return
      case 3:
        if (type === bsonTypes.document && startsAt(bytes, nameAt, names.token)) this.#tokenAt = valueAt
        return
      case 9:
        if (startsAt(bytes, nameAt, names.transaction)) this.inTransaction = true
        return
      case 11:
        if (type === bsonTypes.document && startsAt(bytes, nameAt, names.key)) this.#keyAt = valueAt
        else if (type === bsonTypes.timestamp && startsAt(bytes, nameAt, names.time)) {
          this.low = uint32At(bytes, valueAt)
          this.high = uint32At(bytes, valueAt + 4)
        }
        return
      case 12:
        if (type === bsonTypes.document && startsAt(bytes, nameAt, names.document)) this.#documentAt = valueAt
        return
      case 13:
        if (type === bsonTypes.string && startsAt(bytes, nameAt, names.operation)) this.#operationAt = valueAt
        return
      default:
    }
  }

  #collectionAt(at: number): Watched | undefined {
    if (at === NONE) return undefined
    const nameAt = this.#find(at, names.collection)
    if (nameAt === NONE) return undefined
    return this.#watchList.find(this.#bytes, nameAt + 4, uint32At(this.#bytes, nameAt) - 1)
  }

  /** Start of the string with this name in the small document at `at`. Called for each event, so without a cursor. */
  #find(at: number, name: Buffer): number {
    const bytes = this.#bytes
    const end = at + uint32At(bytes, at) - 1
    for (let next = at + 4; next < end;) {
      const element = next
      const valueAt = valueStart(bytes, element)
      next = elementEnd(bytes, element, valueAt)
      const matches = bytes[element] === bsonTypes.string && valueAt - element - 2 === name.length
      if (matches && startsAt(bytes, element + 1, name)) return valueAt
    }
    return NONE
  }

  #text(at: number): string {
    return at === NONE ? '' : this.#bytes.toString('utf8', at + 4, at + 3 + uint32At(this.#bytes, at))
  }
}
