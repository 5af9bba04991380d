import { BSON, serverOf, type ReadCommand, type ReadConnection, type RunOptions } from '@freshet/guard'
import {
  placeOf,
  type Bytes,
  type Id,
  type IdType,
  type Position,
  type StoredCollection,
} from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import { ChangeStreamError, type SourceReply, type SourceReads } from '@freshet/change-stream'
import { positionAt, timeOfTimestamp, timestampOf } from './cluster-time.ts'
import { reasonsAgainst } from './collection-check.ts'
import { changeStreamErrorOf } from './driver-errors.ts'
import type { FollowedServer } from './followed-server.ts'
import { identify, requirePosition } from './identity.ts'
import type { MongoSourceParts } from './source.ts'
import { storedId } from './stored-ids.ts'

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

  constructor(parts: MongoReadsParts) {
    this.#parts = parts
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
    const timeoutMs = options.pastReadMs + options.replyWithinMs
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
      maxTimeMS: options.pastReadMs,
      // Has no effect on a replica set, but is an error on a view. A view that replaced a collection would otherwise be
      // readable at any position, as if it had always existed.
      allowPartialResults: true,
      readConcern: { level: 'snapshot', atClusterTime: timestampOf(position) },
    }
    const reply = await this.#ask(command, how)
    // A missing collection gives an empty result without a snapshot time.
    if (timeOfTimestamp(reply['cursor'].atClusterTime) === undefined) return timeOfReply(reply)
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
    const place = this.#parts.collections.get(collection)
    if (place === undefined) throw new TypeError(`expected a followed collection, got '${collection}'`)
    return placeOf(collection, place)
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
