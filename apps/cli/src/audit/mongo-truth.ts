import { idToBson, mongodbCodec } from '@freshet/documents-mongodb'
import type { Collection } from '@freshet/documents'
import { type ReadCommand, type ReadConnection, serverOf, Timestamp } from '@freshet/guard'
import type { Clock } from '@freshet/kit'
import { controlCollection, identityId, sourceIdOf } from '@freshet/mongodb-rules'
import { highOf, lowOf, positionOf, type Position, type SourceId } from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import { absentId } from './absent-id.ts'
import type { Changed, Moment, SourceAt, Truth, TruthSource } from './contract.ts'
import { ReadCursor, fieldsOf } from './read-cursor.ts'
import { retryRead } from './retry-read.ts'

const timeoutMs = 10_000

/**
 * Reads the truth from MongoDB, with snapshot reads at the position of an answer. MongoDB keeps snapshot history for five
 * minutes by default.
 */
export class MongoTruth implements TruthSource {
  readonly #connection: ReadConnection
  readonly #collections: ReadonlyMap<string, Collection>
  readonly #clock: Clock

  constructor(connection: ReadConnection, collections: ReadonlyMap<string, Collection>, clock: Clock) {
    this.#connection = connection
    this.#collections = collections
    this.#clock = clock
  }

  async at(position: Position, collection: string, ids: readonly string[]): Promise<Truth> {
    return retryRead('the database cannot read that position', this.#clock, async () => {
      const { idType, stored } = this.#collection(collection)
      const command = {
        find: stored,
        filter: { _id: { $in: ids.map((id) => idToBson(idType, id)) } },
        batchSize: ids.length + 1,
        // Has no effect on a replica set, but causes an error if the collection was replaced by a view.
        allowPartialResults: true,
        readConcern: { level: 'snapshot', atClusterTime: timestampOf(position) },
        maxTimeMS: timeoutMs,
      }
      await using cursor = new ReadCursor(this.#connection, stored, timeoutMs)
      const documents = new Map<string, Buffer>()
      // A reply is limited to 16 MB, so there may be more than one.
      for (let reply = await cursor.first(command); ; reply = await cursor.next()) {
        // A collection that was dropped or renamed since reads as if it had always been empty.
        if (!cursor.hasClusterTime)
          return { kind: 'unknown', reason: 'the past of the collection is no longer available' }
        for (const bson of reply.documents) {
          const id = idFromDocument(idType, bson)
          if (id !== undefined) documents.set(id, mongodbCodec.encode(bson).json)
        }
        if (cursor.ended) return { kind: 'known', documents }
      }
    })
  }

  async someIds(collection: string, limit: number): Promise<readonly string[]> {
    const { idType, stored } = this.#collection(collection)
    const pipeline = [{ $sample: { size: limit } }, { $project: { _id: 1 } }]
    await using cursor = new ReadCursor(this.#connection, stored, timeoutMs)
    const { documents } = await cursor.first({
      aggregate: stored,
      pipeline,
      cursor: { batchSize: limit },
    })
    return documents.flatMap((bson) => idFromDocument(idType, bson) ?? [])
  }

  absentId(collection: string, random: () => number): string {
    return absentId(this.#collection(collection).idType, random)
  }

  async now(): Promise<Moment> {
    const reply = await this.#connection.run(
      {
        find: controlCollection,
        filter: { _id: identityId },
        limit: 1,
        singleBatch: true,
        readConcern: { level: 'majority' },
      },
      { timeoutMs },
    )
    const time: unknown = reply['operationTime']
    if (!(time instanceof Timestamp)) throw new Error('the reply of the database has no operationTime')
    const position = positionOf(time.getHighBitsUnsigned(), time.getLowBitsUnsigned())
    return { source: sourceIn(reply), position, server: serverOf(reply) }
  }

  async sourceAt(position: Position): Promise<SourceAt> {
    return retryRead('the database cannot read the source id there', this.#clock, async () => {
      const reply = await this.#connection.run(
        {
          find: controlCollection,
          filter: { _id: identityId },
          limit: 1,
          singleBatch: true,
          readConcern: { level: 'snapshot', atClusterTime: timestampOf(position) },
          maxTimeMS: timeoutMs,
        },
        { timeoutMs },
      )
      return { kind: 'known', source: sourceIn(reply) }
    })
  }

  /** Reads the change stream, as readers do. */
  async changedWithin(after: Position, until: Position): Promise<Changed> {
    return retryRead('the database cannot tell whether it changed', this.#clock, async () => {
      const stage = { $changeStream: { startAtOperationTime: nextOf(after) } }
      const command = {
        aggregate: 1,
        pipeline: [stage, { $project: { clusterTime: 1 } }],
        cursor: { batchSize: 1 },
        readConcern: { level: 'majority' },
      } satisfies ReadCommand
      await using cursor = new ReadCursor(this.#connection, '$cmd.aggregate', timeoutMs, 'parsed')
      for (
        let reply = await cursor.first(command), first = true;
        ;
        reply = await cursor.next(1), first = false
      ) {
        const [event] = reply.parsed
        const time: unknown = event === undefined ? undefined : fieldsOf(event)['clusterTime']
        if (time instanceof Timestamp) {
          const at = positionOf(time.getHighBitsUnsigned(), time.getLowBitsUnsigned())
          return at <= until ? { kind: 'yes', at } : { kind: 'no' }
        }
        // The first reply may be empty before anything was scanned. If a later one is empty, there is nothing.
        if (!first) return { kind: 'no' }
      }
    })
  }

  #collection(name: string): Collection {
    const collection = this.#collections.get(name)
    if (collection === undefined) throw new Error(`there is no collection file for ${name}`)
    return collection
  }
}

/** The source id of the timeline in the control document. */
function sourceIn(reply: object): SourceId | undefined {
  const batch: unknown = fieldsOf(fieldsOf(reply)['cursor'])['firstBatch']
  const timeline = Array.isArray(batch) ? fieldsOf(batch[0])['timeline'] : undefined
  return typeof timeline === 'string' ? sourceIdOf(timeline) : undefined
}

function timestampOf(position: Position): Timestamp {
  return new Timestamp({ t: highOf(position), i: lowOf(position) })
}

/** One tick later. */
function nextOf(position: Position): Timestamp {
  const last = lowOf(position) === 0xffffffff
  return new Timestamp({ t: highOf(position) + (last ? 1 : 0), i: last ? 0 : lowOf(position) + 1 })
}
