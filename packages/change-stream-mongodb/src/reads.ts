import {
  BSON,
  Long,
  ObjectId,
  type ReadCommand,
  type ReadConnection,
  type RunOptions,
  serverOf,
  Timestamp,
  UUID,
} from '@freshet/guard'
import {
  type Bytes,
  highOf,
  type Id,
  type IdType,
  isValidId,
  lowOf,
  placeOf,
  type Position,
  type StoredCollection,
} from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import { ChangeStreamError, type SourceReads, type SourceReply } from '@freshet/change-stream'
import { positionAt, timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import { identify, requirePosition } from './identity.ts'
import type { MongoSourceParts } from './source.ts'
import { reasonAgainst, type CollectionDefinition } from '@freshet/mongodb-rules'

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** Parameters shared by all commands of one read. */
interface Read {
  readonly position: Position
  readonly collection: string
  readonly idType: IdType
  readonly how: RunOptions
}

/** Options of a `find` besides the ids. */
interface Find {
  readonly filter?: object
  readonly projection?: object
}

export interface MongoReadsParts extends MongoSourceParts {
  /** The server that holds the source's history. */
  readonly followed: FollowedServer
}

/** Snapshot reads of MongoDB at a cluster time. */
export class MongoReads implements SourceReads {
  readonly #parts: MongoReadsParts
  readonly #places: ReadonlyMap<string, StoredCollection>

  constructor(parts: MongoReadsParts) {
    this.#parts = parts
    this.#places = new Map([...parts.collections].map(([name, place]) => [name, placeOf(name, place)]))
  }

  async read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    signal: AbortSignal,
    maxDocumentBytes?: number,
  ): Promise<SourceReply> {
    const { stored, idType } = this.#placeOf(collection)
    const { connection, options } = this.#parts
    const timeoutMs = options.snapshotReadMs + options.replyWithinMs
    const session = connection.openSession()
    try {
      const how: RunOptions = { session, signal, raw: 'batches', timeoutMs }
      const found = new Map<Id, Bytes>()
      const read = { position, collection: stored, idType, how }
      const until = await this.#find(read, ids, findOf(maxDocumentBytes), found)
      if (until !== undefined) return { kind: 'fenced', documents: new Map(), until }
      if (maxDocumentBytes === undefined) return { kind: 'exact', documents: found }
      if (maxDocumentBytes > 0) return { kind: 'exact', documents: found, limited: true }
      return { kind: 'exact', documents: new Map(), sizes: sizesIn(found) }
    } catch (error) {
      throw changeStreamErrorOf(error, `read '${collection}' at ${position}`)
    } finally {
      await connection.endSession(session)
    }
  }

  async head(signal: AbortSignal): Promise<Position> {
    const { connection, identity, options, followed } = this.#parts
    const current = await identify(connection, identity, options.replyWithinMs, signal)
    followed.expect(current.server)
    return requirePosition(current)
  }

  async check(
    collections: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string | undefined>> {
    const how = { timeoutMs: this.#parts.options.replyWithinMs, signal }
    try {
      const stored = collections.map((name) => this.#placeOf(name).stored)
      const reasons = await reasonsAgainst((command) => this.#ask(command, how), stored)
      return new Map(collections.map((name, place) => [name, reasons.get(stored[place] ?? '')]))
    } catch (error) {
      throw changeStreamErrorOf(error, 'read the collection definitions')
    }
  }

  /**
   * Adds the documents to `found`. A missing collection yields nothing and its reply has no snapshot time; then returns
   * the time until which it was missing. All replies share one snapshot: a reply ends at 16 MB, and documents after the
   * first reply must not count as absent.
   */
  async #find(
    { position, collection, idType, how }: Read,
    ids: readonly Id[],
    { filter, projection }: Find,
    found: Map<Id, Bytes>,
  ): Promise<Position | undefined> {
    const { options } = this.#parts
    const stored = ids.map((id) => storedId(idType, id)).filter((id) => id !== undefined)
    const [only] = stored
    if (only === undefined) return undefined
    const command = {
      find: collection,
      filter: { _id: stored.length === 1 ? only : { $in: stored }, ...filter },
      ...(projection && { projection }),
      batchSize: ids.length + 1,
      maxTimeMS: options.snapshotReadMs,
      // Has no effect on a replica set, but is an error on a view. A view that replaced a collection would otherwise be
      // readable at any position, as if it had always existed.
      allowPartialResults: true,
      readConcern: { level: 'snapshot', atClusterTime: timestampOf(position) },
    }
    const reply = await this.#ask(command, how)
    // A missing collection gives an empty result without a snapshot time.
    if (reply['cursor'].atClusterTime === undefined) return timeOfReply(reply)
    gather(idType, reply['cursor'].firstBatch, found)
    for (let { id } = reply['cursor']; !id.isZero();) {
      const more: Reply = await this.#more(id, collection, how)
      gather(idType, more['cursor'].nextBatch, found)
      id = more['cursor'].id
    }
    return undefined
  }

  /** The next reply of a cursor. Closes the cursor on errors. */
  async #more(id: unknown, collection: string, how: RunOptions): Promise<Reply> {
    const { connection, options } = this.#parts
    try {
      return await this.#ask({ getMore: id, collection }, how)
    } catch (error) {
      const kill = { killCursors: collection, cursors: [id] }
      // Best effort: the cursor may have been closed with its connection, and otherwise times out.
      await connection.run(kill, { timeoutMs: options.replyWithinMs }).catch(() => undefined)
      throw error
    }
  }

  /** Runs a command and checks that the reply comes from the followed server. */
  async #ask(command: ReadCommand, how: RunOptions): Promise<Reply> {
    const reply = await this.#parts.connection.run(command, how)
    this.#parts.followed.expect(serverOf(reply))
    return reply
  }

  #placeOf(collection: string): StoredCollection {
    const place = this.#places.get(collection)
    if (place === undefined) throw new TypeError(`expected a followed collection, got '${collection}'`)
    return place
  }
}

const size = 'size'

/** Replaces a document when only its size is requested. */
const sizeOnly = { [size]: { $bsonSize: '$$ROOT' } }

/** The server omits documents above the limit; `limit` and `batchSize` only count documents. */
function findOf(maxBytes: number | undefined): Find {
  if (maxBytes === 0) return { projection: sizeOnly }
  return maxBytes === undefined ? {} : { filter: { $expr: { $lte: [{ $bsonSize: '$$ROOT' }, maxBytes] } } }
}

function sizesIn(replies: ReadonlyMap<Id, Bytes>): ReadonlyMap<Id, number> {
  return new Map([...replies].map(([id, bytes]) => [id, Number(BSON.deserialize(bytes)[size])]))
}

/** A position as the cluster time in commands. */
export function timestampOf(position: Position): Timestamp {
  return new Timestamp({ t: highOf(position), i: lowOf(position) })
}

/** Everything a reply saw existed at its operationTime. */
function timeOfReply(reply: Reply): Position {
  const time = timeOfTimestamp(reply['operationTime'])
  if (time === undefined)
    throw new ChangeStreamError('POSITION_UNAVAILABLE', 'expected operationTime in a reply, got none yet')
  return positionAt(time)
}

function gather(idType: IdType, batch: readonly Bytes[], documents: Map<Id, Bytes>): void {
  for (const document of batch) {
    const id = idFromDocument(idType, document)
    if (id !== undefined) documents.set(id, document)
  }
}

/**
 * The server process that holds the feed and whose history was verified. Another one may appear behind the same address
 * at any time, for example after a restore, and its history is unknown until verified. Only replies from the verified
 * process count.
 */
export class FollowedServer {
  #id: string | undefined

  /** Records that this process was verified to have the followed history. */
  proved(id: string | undefined): void {
    this.#id = id
  }

  /** Accepts any server until one is verified. @throws {ChangeStreamError} POSITION_UNAVAILABLE */
  expect(id: string | undefined): void {
    if (this.#id === undefined || this.#id === id) return
    throw new ChangeStreamError(
      'POSITION_UNAVAILABLE',
      `expected a reply from the followed server ${this.#id}, got one from ${String(id)}`,
    )
  }
}

/** An id in a filter. */
type StoredId = string | Long | ObjectId | UUID

/**
 * Converts an id for use in a filter; `undefined` if it is not valid for the type, so no document has it. Numbers match
 * across int, long, double and decimal; strings match symbols.
 */
function storedId(idType: IdType, id: Id): StoredId | undefined {
  if (!isValidId(idType, id)) return undefined
  switch (idType) {
    case 'string':
      return id
    case 'objectid':
      return ObjectId.createFromHexString(id)
    case 'integer':
      return Long.fromString(id)
    case 'uuid':
      return new UUID(id)
  }
}

/** One collection of the reply. */
type Named = CollectionDefinition & { readonly name: string }

/** Why collections cannot be followed exactly. `undefined` for those that can, including ones that do not exist yet. */
async function reasonsAgainst(
  ask: (command: ReadCommand) => Promise<Reply>,
  collections: readonly string[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const command = {
    listCollections: 1,
    filter: { name: { $in: [...collections] } },
    cursor: { batchSize: collections.length + 1 },
  }
  const reply = await ask(command)
  const found = new Map<string, Named>()
  for (const definition of reply['cursor'].firstBatch) found.set(definition.name, definition)
  return new Map(collections.map((name) => [name, reasonAgainst(found.get(name))]))
}
