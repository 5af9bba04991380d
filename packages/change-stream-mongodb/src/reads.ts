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
import { identify, told } from './identity.ts'
import type { MongoSourceParts } from './source.ts'
import { storedId } from './stored-ids.ts'

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** What all commands of one read have in common. */
interface Read {
  readonly position: Position
  readonly collection: string
  readonly idType: IdType
  readonly how: RunOptions
}

/** What a `find` says beside the ids. */
interface Find {
  readonly filter?: object
  readonly projection?: object
}

export interface MongoReadsParts extends MongoSourceParts {
  /** The source's, whose history is read. */
  readonly followed: FollowedServer
}

/** Snapshot reads of MongoDB at a cluster time, on the same connection pool as the feed. */
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
      throw changeStreamErrorOf(error, `read '${collection}' as it was at ${position}`)
    } finally {
      await connection.endSession(session)
    }
  }

  async head(signal: AbortSignal): Promise<Position> {
    const { connection, identity, options, followed } = this.#parts
    const identified = await identify(connection, identity, options.replyWithinMs, signal)
    followed.expect(identified.server)
    return told(identified)
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
      throw changeStreamErrorOf(error, 'look at the definitions of the collections')
    }
  }

  /**
   * Puts what is found into `found`. Where the collection was missing nothing is found, and the reply stands at no time:
   * gives the time until which that was so. One snapshot for all replies: a reply ends at 16 MB, and what is not in the
   * first must not be taken for absent.
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
      // Means nothing on a replica set, but for a view it is an error: a view that took the place of a collection
      // would be read at any position, as if it had always been there.
      allowPartialResults: true,
      readConcern: { level: 'snapshot', atClusterTime: timestampOf(position) },
    }
    const reply = await this.#ask(command, how)
    // A collection that is not there (any more) is answered with an empty result that stands at no time at all.
    if (timeOfTimestamp(reply['cursor'].atClusterTime) === undefined) return timeOfReply(reply)
    gather(idType, reply['cursor'].firstBatch, found)
    for (let { id } = reply['cursor']; !id.isZero();) {
      const more: Reply = await this.#more(id, collection, how)
      gather(idType, more['cursor'].nextBatch, found)
      id = more['cursor'].id
    }
    return undefined
  }

  /** The next reply of a cursor; one that fails is not left behind on the server. */
  async #more(id: unknown, collection: string, how: RunOptions): Promise<Reply> {
    const { connection, options } = this.#parts
    try {
      return await this.#ask({ getMore: id, collection }, how)
    } catch (error) {
      const kill = { killCursors: collection, cursors: [id] }
      // It may be gone with its connection, and ends by itself after a while: there is nobody to tell.
      await connection.run(kill, { timeoutMs: options.replyWithinMs }).catch(() => undefined)
      throw error
    }
  }

  /** The reply, when it is one of the history that is followed. */
  async #ask(command: ReadCommand, how: RunOptions): Promise<Reply> {
    const reply = await this.#parts.connection.run(command, how)
    this.#parts.followed.expect(serverOf(reply))
    return reply
  }

  #placeOf(collection: string): StoredCollection {
    const place = this.#parts.collections.get(collection)
    if (place === undefined)
      throw new TypeError(`expected a collection that is followed, got '${collection}'`)
    return placeOf(collection, place)
  }
}

const size = 'size'

/** What stands in place of a document whose size is asked for. */
const sizeOnly = { [size]: { $bsonSize: '$$ROOT' } }

/** The server itself leaves out what is too large: a limit of its reply would be one of its number of documents. */
function findOf(maxBytes: number | undefined): Find {
  if (maxBytes === 0) return { projection: sizeOnly }
  return maxBytes === undefined ? {} : { filter: { $expr: { $lte: [{ $bsonSize: '$$ROOT' }, maxBytes] } } }
}

function sizesIn(replies: ReadonlyMap<Id, Bytes>): ReadonlyMap<Id, number> {
  return new Map([...replies].map(([id, bytes]) => [id, Number(BSON.deserialize(bytes)[size])]))
}

/** Whatever a reply saw was there at its operationTime. */
function timeOfReply(reply: Reply): Position {
  const time = timeOfTimestamp(reply['operationTime'])
  if (time === undefined)
    throw new ChangeStreamError('POSITION_UNAVAILABLE', 'expected operationTime in a reply, found none yet')
  return positionAt(time)
}

function gather(idType: IdType, batch: readonly Bytes[], documents: Map<Id, Bytes>): void {
  for (const document of batch) {
    const id = idFromDocument(idType, document)
    if (id !== undefined) documents.set(id, document)
  }
}
