import { createHash } from 'node:crypto'
import { idToBson, presentJson } from '@freshet/collections'
import type { Collection } from '@freshet/collections'
import { Timestamp } from '@freshet/guard'
import type { ReadCommand, ReadConnection } from '@freshet/guard'
import { highOf, lowOf, parseSourceId, type Position, type SourceId } from '@freshet/protocol'
import { idFromDocument } from '@freshet/protocol/bson'
import type { Truth, TruthSource } from './contract.ts'

const timeoutMs = 10_000

/**
 * The truth as MongoDB tells it: snapshot reads at the position of an answer, by the auditor's own user. MongoDB keeps
 * the past for five minutes by default.
 */
export class MongoTruth implements TruthSource {
  readonly #connection: ReadConnection
  readonly #collections: ReadonlyMap<string, Collection>

  constructor(connection: ReadConnection, collections: ReadonlyMap<string, Collection>) {
    this.#connection = connection
    this.#collections = collections
  }

  async at(position: Position, collection: string, ids: readonly string[]): Promise<Truth> {
    const { idType } = this.#collection(collection)
    const atClusterTime = new Timestamp({ t: highOf(position), i: lowOf(position) })
    const command = {
      find: collection,
      filter: { _id: { $in: ids.map((id) => idToBson(idType, id)) } },
      batchSize: ids.length,
      singleBatch: true,
      readConcern: { level: 'snapshot', atClusterTime },
      maxTimeMS: timeoutMs,
    }
    let reply: Reply
    try {
      reply = await this.#read(command)
    } catch (error) {
      return { kind: 'unknown', reason: `the database cannot read that position: ${nameOf(error)}` }
    }
    // A collection that was dropped or renamed since answers as if it had always been empty.
    if (!reply.proved) return { kind: 'unknown', reason: 'the database has lost the past of the collection' }
    const documents = new Map<string, Buffer>()
    for (const bson of reply.batch) {
      const id = idFromDocument(idType, bson)
      if (id !== undefined) documents.set(id, presentJson(bson))
    }
    return { kind: 'known', documents }
  }

  async someIds(collection: string, limit: number): Promise<readonly string[]> {
    const { idType } = this.#collection(collection)
    const pipeline = [{ $sample: { size: limit } }, { $project: { _id: 1 } }]
    const { batch } = await this.#read({ aggregate: collection, pipeline, cursor: { batchSize: limit } })
    return batch.flatMap((bson) => idFromDocument(idType, bson) ?? [])
  }

  async source(): Promise<SourceId | undefined> {
    const { cursor } = await this.#connection.run({
      find: 'freshet',
      filter: { _id: 'source' },
      limit: 1,
      singleBatch: true,
      readConcern: { level: 'majority' },
    })
    const [control] = documentsOf(cursor)
    if (control === undefined || !('timeline' in control)) return undefined
    return parseSourceId(createHash('sha256').update(String(control.timeline)).digest('hex').slice(0, 8))
  }

  #collection(name: string): Collection {
    const collection = this.#collections.get(name)
    if (collection === undefined) throw new Error(`there is no collection file for ${name}`)
    return collection
  }

  async #read(command: ReadCommand): Promise<Reply> {
    const { cursor } = await this.#connection.run(command, { raw: 'batches', timeoutMs })
    const proved = typeof cursor === 'object' && cursor !== null && 'atClusterTime' in cursor
    return { proved, batch: documentsOf(cursor).filter((document) => document instanceof Uint8Array) }
  }
}

interface Reply {
  /** The server confirms the position that it read at. */
  readonly proved: boolean
  readonly batch: readonly Uint8Array[]
}

function documentsOf(cursor: unknown): readonly object[] {
  const batch: unknown =
    typeof cursor === 'object' && cursor !== null && 'firstBatch' in cursor ? cursor.firstBatch : undefined
  return Array.isArray(batch) ? batch.filter((item) => typeof item === 'object' && item !== null) : []
}

/** Short, so that equal reasons are counted together. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'codeName' in error ? String(error.codeName) : error.name
}
