import { idempotencyCollection, internalDatabase } from '@freshet/roles'
import { Binary, type Document } from 'mongodb'
import type { StoredAnswer } from '../contract.ts'
import { isWriteConflict } from './driver-errors.ts'
import { StoreError } from '../errors.ts'
import { refusedStatement, writeErrorOf } from './statements.ts'
import type { Transaction } from './transactions.ts'

/** Longer than any client retries; beyond that, records only take space. */
const KEPT_MS = 24 * 60 * 60 * 1_000

const statuses = [200, 201, 204] as const satisfies readonly StoredAnswer['status'][]

/**
 * Responses by idempotency key, in the writer's internal database. The migration creates it, with a TTL index on
 * `expiresAt`. Both methods are statements of a transaction and reject with driver errors, or as documented.
 */
export class StoredAnswers {
  readonly #database: string

  constructor(database: string) {
    this.#database = internalDatabase(database)
  }

  /** The response as the transaction sees it. An expired one counts until it is deleted. */
  async find(key: Uint8Array, transaction: Transaction): Promise<StoredAnswer | undefined> {
    const command = {
      find: idempotencyCollection,
      filter: { _id: new Binary(key) },
      limit: 1,
      singleBatch: true,
    }
    const { cursor } = await this.#command(command, transaction)
    const record: Document | undefined = cursor.firstBatch[0]
    return record && answerOf(record)
  }

  /**
   * Stores a response; the caller has found none under this key in the transaction.
   * @throws {StoreError} IN_PROGRESS: another transaction is storing one, or has since this one began.
   */
  async keep(key: Uint8Array, answer: StoredAnswer, transaction: Transaction): Promise<void> {
    const fields = Object.entries(answer).filter(([, value]) => value !== undefined)
    const kept = {
      ...Object.fromEntries(fields.map(([name, value]) => [name, { $literal: value }])),
      // By the server's clock, like the deletion: with our own clock, skew would delete it too early.
      expiresAt: { $add: ['$$NOW', KEPT_MS] },
    }
    const update = { q: { _id: new Binary(key) }, u: [{ $set: kept }], upsert: true }
    try {
      const reply = await this.#command({ update: idempotencyCollection, updates: [update] }, transaction)
      const error = writeErrorOf(reply)
      if (error) throw refusedStatement(error)
    } catch (error) {
      if (!isWriteConflict(error) && !(error instanceof StoreError && error.code === 'NOT_UNIQUE'))
        throw error
      throw new StoreError('IN_PROGRESS', 'another transaction has the key', { cause: error })
    }
  }

  #command(command: Document, transaction: Transaction): Promise<Document> {
    return transaction.command(this.#database, command, { promoteBuffers: true })
  }
}

/** @throws {TypeError} the record was not written by us. */
function answerOf({ request, status, etag, location, json }: Document): StoredAnswer {
  const known = statuses.find((one) => one === status)
  if (
    known === undefined ||
    !(request instanceof Uint8Array) ||
    !(json === undefined || json instanceof Uint8Array) ||
    !isText(etag) ||
    !isText(location)
  )
    throw new TypeError('expected a stored answer, got a record in another format')
  return { request, status: known, etag, location, json }
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
