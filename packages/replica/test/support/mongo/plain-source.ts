import { createHash } from 'node:crypto'
import {
  parseSourceId,
  positionOf,
  type Change,
  type Id,
  type Position,
  type SourceId,
} from '@freshet/protocol'
import { deserialize } from 'bson'
import { Long, type ClientSession, type Db, type Document, type MongoClient } from 'mongodb'
import type { Batch, ChangeSource, Origin, PastAnswer, PastReads } from '../../../src/source-contract.ts'
import { CodedError } from '../scripted-past.ts'
import { positionOfTimestamp, timestampOf } from './positions.ts'

/**
 * The shortest source that keeps the contract on a healthy server: one position is closed by the next one or by an empty
 * reply. The product's own adapter does more, and is held by its own tests; this one needs nothing of it.
 */
export class PlainSource implements ChangeSource, PastReads {
  readonly #client: MongoClient
  readonly #db: Db

  constructor(client: MongoClient, database: string) {
    this.#client = client
    this.#db = client.db(database)
  }

  async start(): Promise<Origin> {
    return { source: await this.#source(), at: await this.now() }
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncIterable<Batch> {
    const session = this.#client.startSession()
    try {
      yield* this.#follow(origin.at, session, signal)
    } catch (error) {
      if (!signal.aborted) throw new CodedError('DISCONNECTED', { cause: error })
    } finally {
      await session.endSession()
    }
  }

  async *#follow(from: Position, session: ClientSession, signal: AbortSignal): AsyncIterable<Batch> {
    const stage = { $changeStream: { showExpandedEvents: true, startAtOperationTime: timestampOf(from) } }
    const opened = await this.#raw({ aggregate: 1, pipeline: [stage], cursor: {} }, session)
    let { cursor } = opened
    const openedAt = timeOf(cursor.postBatchResumeToken)
    let through = from
    let provedAt = Number.NEGATIVE_INFINITY
    let open: { readonly at: Position; readonly changes: Change[] } | undefined
    for (let batch: readonly Buffer[] = cursor.firstBatch, sentAt = 0; !signal.aborted;) {
      const changes: Change[] = []
      for (const bytes of batch) {
        const event = deserialize(bytes, { raw: true })
        const at = positionOfTimestamp(event['clusterTime'])
        if (at <= through) continue
        if (open !== undefined && at > open.at) {
          changes.push(...open.changes)
          through = open.at
          open = undefined
        }
        open ??= { at, changes: [] }
        open.changes.push(...changesOf(event))
      }
      const ended = batch.length === 0 && sentAt > 0
      if (ended) {
        if (open !== undefined) {
          changes.push(...open.changes)
          through = open.at
          open = undefined
        }
        const mark = timeOf(cursor.postBatchResumeToken)
        if (mark > openedAt && mark > through) through = mark
        provedAt = sentAt
      }
      if (changes.length > 0 || ended) yield { changes, through, provedAt, aliveAt: performance.now() }
      sentAt = performance.now()
      const more = {
        getMore: Long.fromValue(cursor.id),
        collection: '$cmd.aggregate',
        maxTimeMS: open ? 1 : 50,
      }
      ;({ cursor } = await this.#raw(more, session))
      batch = cursor.nextBatch
    }
  }

  async at(position: Position, collection: string, ids: readonly Id[]): Promise<PastAnswer> {
    const reply = await this.#find(position, collection, ids)
    const documents = new Map<Id, Buffer>()
    if (reply['cursor'].atClusterTime === undefined) {
      return { kind: 'unproved', until: positionOfTimestamp(reply['operationTime']) }
    }
    for (const bytes of reply['cursor'].firstBatch) documents.set(String(deserialize(bytes)['_id']), bytes)
    return { kind: 'exact', documents }
  }

  async now(): Promise<Position> {
    const reply = await this.#db.command({ find: 'freshet', limit: 1, readConcern: { level: 'majority' } })
    return positionOfTimestamp(reply['operationTime'])
  }

  check(): Promise<ReadonlyMap<string, string | undefined>> {
    return Promise.resolve(new Map())
  }

  async #find(position: Position, collection: string, ids: readonly Id[]): Promise<Document> {
    const readConcern = { level: 'snapshot', atClusterTime: timestampOf(position) }
    const command = {
      find: collection,
      filter: { _id: { $in: ids } },
      batchSize: ids.length + 1,
      readConcern,
    }
    try {
      return await this.#raw(command)
    } catch (error) {
      throw new CodedError('PAST_UNAVAILABLE', { cause: error })
    }
  }

  async #raw(command: Document, session?: ClientSession): Promise<Document> {
    const fieldsAsRaw = { firstBatch: true, nextBatch: true }
    return this.#db.command(command, session ? { session, fieldsAsRaw } : { fieldsAsRaw })
  }

  async #source(): Promise<SourceId> {
    const control = await this.#db
      .collection<{ _id: string; timeline: string }>('freshet')
      .findOne({ _id: 'source' })
    const source = parseSourceId(
      createHash('sha256')
        .update(control?.timeline ?? '')
        .digest('hex')
        .slice(0, 8),
    )
    if (source === undefined) throw new CodedError('SOURCE_UNKNOWN')
    return source
  }
}

/** The time in a resume token: two big-endian numbers after the first byte of its hexadecimal text. */
function timeOf(token: Document): Position {
  const data = String(deserializeIfRaw(token)['_data'])
  return positionOf(Number.parseInt(data.slice(2, 10), 16), Number.parseInt(data.slice(10, 18), 16))
}

function deserializeIfRaw(document: Document): Document {
  return document instanceof Uint8Array ? deserialize(document) : document
}

function changesOf(event: Document): readonly Change[] {
  const collection: unknown = event['ns'] === undefined ? undefined : deserializeIfRaw(event['ns'])['coll']
  if (typeof collection !== 'string') return [{ kind: 'all-touched' }]
  const id = event['documentKey'] === undefined ? '' : String(deserializeIfRaw(event['documentKey'])['_id'])
  switch (event['operationType']) {
    case 'insert':
    case 'replace':
      return [{ kind: 'put', collection, id, document: event['fullDocument'] }]
    case 'update':
      return [{ kind: 'touched', collection, id }]
    case 'delete':
      return [{ kind: 'gone', collection, id }]
    case 'drop':
      return [{ kind: 'namespace-gone', collection }]
    case 'rename':
      return [
        { kind: 'namespace-gone', collection },
        { kind: 'namespace-touched', collection: String(deserializeIfRaw(event['to'])['coll']) },
      ]
    case 'create':
    case 'createIndexes':
      return []
    default:
      return [{ kind: 'all-touched' }]
  }
}
