import type { StoredDocument } from '@freshet/documents'
import type { Position } from '@freshet/protocol'
import { MongoWriteConcernError, type Document } from 'mongodb'
import type { Outcome } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { isNotPrimary, isOverTime, storeErrorOf, untimed } from './driver-errors.ts'
import type { RepeatableWrite } from './repeatable-write.ts'
import { isTakenId, listOf, positionIn, refusedStatement, writeErrorsOf } from './statements.ts'

/**
 * A command of several documents ends after this time: one of them may wait for a lock of another program, and the server stores
 * none of those behind it.
 */
const TOGETHER_WITHIN_MS = 500
/** How long each is tried alone after that. Doubled from round to round, in case the server is only slow. */
const ALONE_WITHIN_MS = 20
/** For the server, 0 is no limit. */
const MIN_LIMIT_MS = 1

export type Inserted = Outcome<'created' | 'taken'>

/** A document, and whoever waits for its outcome. */
export interface Insert {
  readonly document: StoredDocument
  readonly resolve: (inserted: Inserted) => void
  readonly reject: (error: unknown) => void
}

type Repeatable = Pick<RepeatableWrite, 'run'>

export interface InsertGroupParts {
  /** Runs a durable write. Rejects with errors of the driver. */
  readonly run: (command: Document) => Promise<Document>
  /** Begins a durable write whose statements may be sent again. @throws {StoreError} there is no client at present. */
  readonly repeatable: () => Repeatable & AsyncDisposable
  readonly acknowledgeWithinMs: number
  /** A position that is not before the majority's current one, for replies without a time. */
  readonly latestPosition: () => Promise<Position>
}

/** An insert and the number of its statement. */
type Statement = Insert & { readonly number: number }

/**
 * Inserts documents of a collection with one command, and settles each of them. If that takes long, those that wait for locks are
 * told from the others, which are then acknowledged first. Nothing is inserted twice.
 */
export class InsertGroup {
  readonly #collection: string
  readonly #parts: InsertGroupParts
  readonly #untilMs: number
  readonly #shared: boolean
  /** What is not settled yet. */
  readonly #open: Set<Statement>
  /** A command was ended by its time limit, and may have executed any of its statements. */
  #begun = false

  constructor(collection: string, inserts: readonly Insert[], parts: InsertGroupParts) {
    this.#collection = collection
    this.#parts = parts
    this.#untilMs = performance.now() + parts.acknowledgeWithinMs
    this.#shared = inserts.length > 1
    this.#open = new Set(inserts.map((insert, number) => ({ ...insert, number })))
  }

  /** Never rejects. */
  async settle(): Promise<void> {
    const all = [...this.#open]
    if (!this.#shared) return this.#settleAll(all, this.#parts.run(this.#commandOf(all)))
    try {
      await using write = this.#parts.repeatable()
      await this.#insertTogether(write, all)
      for (let aloneMs = ALONE_WITHIN_MS; this.#open.size > 0; aloneMs *= 2) {
        const free = await this.#notWaiting(write, aloneMs)
        if (free.length > 0) await this.#insertTogether(write, free)
      }
    } catch (error) {
      this.#rejectAll([...this.#open], error)
    }
  }

  /** Settles these, unless their command takes too long and there is time left. */
  async #insertTogether(
    write: Repeatable,
    statements: readonly Statement[],
    withinMs = TOGETHER_WITHIN_MS,
  ): Promise<void> {
    const leftMs = this.#leftMs()
    // Nobody waits behind the last one.
    const maxTimeMS = this.#open.size === 1 ? leftMs : Math.min(withinMs, leftMs)
    const reply = this.#send(write, statements, { maxTimeMS })
    try {
      await reply
    } catch (error) {
      if (isOverTime(error) && maxTimeMS < leftMs) {
        this.#begun = true
        // All were executed, and only the majority is missing.
        if (error instanceof MongoWriteConcernError) await this.#insertTogether(write, statements, Infinity)
        return
      }
    }
    await this.#settleAll(statements, reply)
  }

  /** Those that do not wait for a lock. When the time is up, all. */
  async #notWaiting(write: Repeatable, withinMs: number): Promise<readonly Statement[]> {
    const free: Statement[] = []
    for (const statement of this.#open)
      if (this.#open.size === 1 || !(await this.#isWaiting(write, statement, withinMs))) free.push(statement)
    return this.#leftMs() > MIN_LIMIT_MS ? free : [...this.#open]
  }

  async #isWaiting(write: Repeatable, statement: Statement, withinMs: number): Promise<boolean> {
    // This is told to nobody, so it need not wait for a majority.
    const options = { maxTimeMS: Math.min(withinMs, this.#leftMs()), writeConcern: { w: 1 } }
    try {
      await this.#send(write, [statement], options)
      return false
    } catch (error) {
      // Another error occurs again when it is inserted together with others.
      return isOverTime(error)
    }
  }

  async #settleAll(statements: readonly Statement[], pending: Promise<Document>): Promise<void> {
    let reply: Document
    try {
      reply = await pending
    } catch (error) {
      return this.#rejectAll(statements, error)
    }
    for (const statement of statements) this.#open.delete(statement)
    const errors = writeErrorsOf(reply)
    let at = positionIn(reply)
    try {
      at ??= await this.#parts.latestPosition()
    } catch (cause) {
      for (const [index, { reject }] of statements.entries())
        reject(untimed(cause, errors.has(index) ? 'confirm' : 'write'))
      return
    }
    for (const [index, { resolve, reject }] of statements.entries()) {
      const error = errors.get(index)
      if (error && !isTakenId(error)) reject(refusedStatement(error, at))
      // After a rejected statement the server also waits for a majority, up to the latest operation it had seen.
      else resolve({ outcome: error ? 'taken' : 'created', wrote: !error, at })
    }
  }

  #rejectAll(statements: readonly Statement[], error: unknown): void {
    const rejected = writeErrorsOf(error instanceof MongoWriteConcernError ? error.result : {})
    for (const [index, statement] of statements.entries()) {
      this.#open.delete(statement)
      statement.reject(rejected.has(index) ? storeErrorOf(error, 'confirm') : this.#failureOf(error))
    }
  }

  /** For a document that the server did not reject. */
  #failureOf(error: unknown): unknown {
    const unknown = (why: string): StoreError => new StoreError('OUTCOME_UNKNOWN', why, { cause: error })
    if (this.#begun) return unknown('a group of inserts could not be completed in time')
    // A server that is no longer primary refuses a command before it starts, or the rest of one that it has begun.
    if (this.#shared && isNotPrimary(error))
      return unknown('the server stopped being primary during a group of inserts')
    return storeErrorOf(error, 'write')
  }

  #send(write: Repeatable, statements: readonly Statement[], options: Document): Promise<Document> {
    const stmtIds = statements.map(({ number }) => number)
    return write.run({ ...this.#commandOf(statements), ...options }, stmtIds)
  }

  #commandOf(statements: readonly Statement[]): Document {
    const documents = listOf('documents', ...statements.map(({ document }) => document))
    return { insert: this.#collection, documents, ordered: false }
  }

  #leftMs(): number {
    return Math.max(MIN_LIMIT_MS, Math.ceil(this.#untilMs - performance.now()))
  }
}
