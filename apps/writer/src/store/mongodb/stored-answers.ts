import { idempotencyCollection, internalDatabase } from '@freshet/roles'
import { Binary, type Document } from 'mongodb'
import type { KeptAnswer } from '../contract.ts'
import { isWriteConflict } from './driver-errors.ts'
import { StoreError } from '../errors.ts'
import { refusedStatement, writeErrorOf } from './replies.ts'
import type { Transaction } from './transactions.ts'

/** Longer than anybody repeats a request; what is kept longer than that is only taking room. */
const KEPT_MS = 24 * 60 * 60 * 1_000

const statuses = [200, 201, 204] as const satisfies readonly KeptAnswer['status'][]

/**
 * Answers by their keys, in the writer's own database: the migration makes it, and the index that removes what has passed its
 * `expiresAt`. Both methods are statements of a transaction and reject as the driver does, or as said.
 */
export class KeptAnswers {
  readonly #database: string

  constructor(database: string) {
    this.#database = internalDatabase(database)
  }

  /** The answer that the transaction sees. One that has expired counts for as long as it is there. */
  async find(key: Uint8Array, transaction: Transaction): Promise<KeptAnswer | undefined> {
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
   * Keeps an answer; there is none under this key, as far as the transaction sees. @throws {StoreError} IN_PROGRESS:
   * another transaction keeps one, or has kept one since this one began.
   */
  async keep(key: Uint8Array, answer: KeptAnswer, transaction: Transaction): Promise<void> {
    const fields = Object.entries(answer).filter(([, value]) => value !== undefined)
    const kept = {
      ...Object.fromEntries(fields.map(([name, value]) => [name, { $literal: value }])),
      // By the server's clock, as the removal is: with a slow one of ours an answer would be gone before its time.
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

/** @throws {TypeError} somebody else wrote here. */
function answerOf({ request, status, etag, location, json }: Document): KeptAnswer {
  const known = statuses.find((one) => one === status)
  if (
    known === undefined ||
    !(request instanceof Uint8Array) ||
    !(json === undefined || json instanceof Uint8Array) ||
    !isText(etag) ||
    !isText(location)
  )
    throw new TypeError('expected a kept answer, got a record of another form')
  return { request, status: known, etag, location, json }
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
