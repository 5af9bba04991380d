import type { Clock, RetryDelays } from '@freshet/kit'
import { ReadConcern, type Document, type RunCommandOptions, type TransactionOptions } from 'mongodb'
import { databaseOf, type DatabaseConnection } from './connection.ts'
import type { Position } from '@freshet/protocol'
import type { Acknowledged } from '../contract.ts'
import { isConflict, isTransient, orUntimed, storeErrorOf } from './driver-errors.ts'
import { StoreError } from '../errors.ts'
import { positionOfTime } from './statements.ts'

/** Retries after conflicts between transactions. */
export interface Retries {
  /** Retries after the first attempt. */
  readonly times: number
  /** A fresh sequence per run, with jitter so that two conflicting runs do not stay in step. */
  readonly pauses: () => RetryDelays
  readonly clock: Clock
}

/** An open transaction. Its statements use the client that began it, even after that was replaced. */
export interface Transaction {
  /** Rejects with driver errors. */
  readonly command: (database: string, command: Document, options?: RunCommandOptions) => Promise<Document>
}

/** The result of work in a transaction that is about to commit. */
export interface Work<T> {
  readonly value: T
  /** Whether the commit will change anything. */
  readonly wrote: boolean
}

/** Dependencies of transactions. */
export interface TransactionsOptions {
  readonly connection: Pick<DatabaseConnection, 'writes'>
  /** How long a majority may take to acknowledge a commit, in milliseconds. */
  readonly acknowledgeWithinMs: number
  readonly retries: Retries
  /** A position that is not before the majority's current one, for commits whose reply has no time. */
  readonly latestPosition: () => Promise<Position>
}

/** Runs work in snapshot transactions that commit with majority write concern. */
export class SnapshotTransactions {
  readonly #connection: Pick<DatabaseConnection, 'writes'>
  readonly #options: TransactionOptions
  readonly #retries: Retries
  readonly #latestPosition: () => Promise<Position>

  constructor({ connection, acknowledgeWithinMs, retries, latestPosition }: TransactionsOptions) {
    this.#connection = connection
    this.#options = {
      readConcern: new ReadConcern('snapshot'),
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: acknowledgeWithinMs },
      readPreference: 'primary',
    }
    this.#retries = retries
    this.#latestPosition = latestPosition
  }

  /**
   * Runs `work` until it commits without a conflict. Read-only work is committed too: its snapshot may contain writes
   * that are not majority-committed yet, and the commit waits for them, so what was read at the position is durable.
   * @param committing called before each commit is sent.
   * @throws {StoreError}
   */
  async run<T>(
    work: (transaction: Transaction) => Promise<Work<T>>,
    committing?: () => void,
  ): Promise<Acknowledged & { readonly value: T }> {
    const { times, pauses, clock } = this.#retries
    let pause: RetryDelays | undefined
    // A run continues after its client has disconnected, since it may have written. A signal shared by all runs would
    // collect a listener per wait, and Node.js warns above ten.
    const never = new AbortController().signal
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(work, committing)
      } catch (error) {
        if (!isTransient(error)) throw error
        if (attempt === times) throw lastOf(error, times + 1)
        pause ??= pauses()
        await clock.sleep(pause.next(), never)
      }
    }
  }

  /** Retryable errors are rethrown as driver errors. */
  async #attempt<T>(
    work: (transaction: Transaction) => Promise<Work<T>>,
    committing?: () => void,
  ): Promise<Acknowledged & { readonly value: T }> {
    // `commitTransaction` does not return its reply; the session keeps the operation time of the last one.
    const client = this.#connection.writes
    const session = client.startSession({ causalConsistency: true })
    const transaction: Transaction = {
      command: (database, command, options) =>
        databaseOf(client, database).command(command, { ...options, session }),
    }
    try {
      session.startTransaction(this.#options)
      const { value, wrote } = await orStoreError(work(transaction), 'transaction')
      // Clear a statement's time: a commit whose reply has no time would otherwise get that earlier one.
      delete session.operationTime
      const stage = wrote ? 'commit' : 'confirm'
      committing?.()
      await orStoreError(session.commitTransaction(), stage)
      const at = positionOfTime(session.operationTime) ?? (await orUntimed(this.#latestPosition(), stage))
      return { value, wrote, at }
    } finally {
      // Aborts an uncommitted transaction.
      await session.endSession()
    }
  }
}

function lastOf(error: unknown, attempts: number): unknown {
  if (!isConflict(error)) return storeErrorOf(error, 'transaction')
  return new StoreError('CONFLICT', `conflicts in ${attempts} attempts`, { cause: error })
}

async function orStoreError<T>(done: Promise<T>, stage: 'transaction' | 'commit' | 'confirm'): Promise<T> {
  try {
    return await done
  } catch (error) {
    throw isTransient(error) ? error : storeErrorOf(error, stage)
  }
}
