import type { Clock, RetryDelays } from '@freshet/kit'
import { ReadConcern, type Document, type RunCommandOptions, type TransactionOptions } from 'mongodb'
import type { DatabaseConnection } from './connection.ts'
import type { Position } from '@freshet/protocol'
import type { Acknowledged } from '../contract.ts'
import { databaseOf } from './client.ts'
import { isConflict, isTransient, orUntimed, storeErrorOf } from './driver-errors.ts'
import { StoreError } from '../errors.ts'
import { positionOfTime } from './replies.ts'

/** How conflicts between transactions are met. */
export interface Retries {
  /** Attempts after the first one. */
  readonly times: number
  /** New for each run; with jitter, so that two that met do not meet again. */
  readonly pauses: () => RetryDelays
  readonly clock: Clock
}

/** A transaction that is open: its statements go by the client that began it, also when another one has taken its place. */
export interface Transaction {
  /** Rejects as the driver does. */
  readonly command: (database: string, command: Document, options?: RunCommandOptions) => Promise<Document>
}

/** What was done in a transaction that is about to be committed. */
export interface Work<T> {
  readonly value: T
  /** Whether anything will be different once it is committed. */
  readonly wrote: boolean
}

/** What transactions are made of. */
export interface TransactionsOptions {
  readonly connection: Pick<DatabaseConnection, 'writes'>
  /** How long a majority may take to acknowledge a commit, in milliseconds. */
  readonly acknowledgeWithinMs: number
  readonly retries: Retries
  /** A position that is not before what a majority has now; for commits whose reply tells no time. */
  readonly later: () => Promise<Position>
}

/** Runs work in snapshot transactions whose commit a majority acknowledges. */
export class SnapshotTransactions {
  readonly #connection: Pick<DatabaseConnection, 'writes'>
  readonly #options: TransactionOptions
  readonly #retries: Retries
  readonly #later: () => Promise<Position>

  constructor({ connection, acknowledgeWithinMs, retries, later }: TransactionsOptions) {
    this.#connection = connection
    this.#options = {
      readConcern: new ReadConcern('snapshot'),
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: acknowledgeWithinMs },
      readPreference: 'primary',
    }
    this.#retries = retries
    this.#later = later
  }

  /**
   * Runs `work` until it commits without a conflict. One that only looked is committed too: such a snapshot may hold
   * writes that no majority has yet, and the commit waits for them; so the position is one at which what was seen is
   * there to stay. @throws {StoreError}
   */
  async run<T>(
    work: (transaction: Transaction) => Promise<Work<T>>,
  ): Promise<Acknowledged & { readonly value: T }> {
    const { times, clock } = this.#retries
    const pauses = this.#retries.pauses()
    // The work of a run goes on although its client has left: it may have written. One signal for all runs would get a
    // listener of each that waits, and Node.js warns of more than ten.
    const never = new AbortController().signal
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(work)
      } catch (error) {
        if (!isTransient(error)) throw error
        if (attempt === times) throw lastOf(error, times + 1)
        await clock.sleep(pauses.next(), never)
      }
    }
  }

  /** Errors after which the whole may be tried again come out as the driver's own. */
  async #attempt<T>(
    work: (transaction: Transaction) => Promise<Work<T>>,
  ): Promise<Acknowledged & { readonly value: T }> {
    // The session remembers the time of the last reply, which is the commit's: `commitTransaction` does not give it.
    const client = this.#connection.writes
    const session = client.startSession({ causalConsistency: true })
    const transaction: Transaction = {
      command: (database, command, options) =>
        databaseOf(client, database).command(command, { ...options, session }),
    }
    try {
      session.startTransaction(this.#options)
      const { value, wrote } = await orStoreError(work(transaction), 'transaction')
      // Of a statement: a commit whose reply tells no time would get that one, which is before it.
      delete session.operationTime
      const stage = wrote ? 'commit' : 'confirm'
      await orStoreError(session.commitTransaction(), stage)
      const at = positionOfTime(session.operationTime) ?? (await orUntimed(this.#later(), stage))
      return { value, wrote, at }
    } finally {
      // Aborts what was not committed.
      await session.endSession()
    }
  }
}

function lastOf(error: unknown, attempts: number): unknown {
  if (!isConflict(error)) return storeErrorOf(error, 'transaction')
  return new StoreError('CONFLICT', `others were faster, ${attempts} times`, { cause: error })
}

async function orStoreError<T>(done: Promise<T>, stage: 'transaction' | 'commit' | 'confirm'): Promise<T> {
  try {
    return await done
  } catch (error) {
    throw isTransient(error) ? error : storeErrorOf(error, stage)
  }
}
