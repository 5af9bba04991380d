import type { Clock, RetryDelays } from '@freshet/kit'
import { NUDGE_PREFIX, positionOfLsn } from '@freshet/postgres-rules'
import type { Position } from '@freshet/protocol'
import type { Acknowledged } from '../contract.ts'
import { StoreError } from '../errors.ts'
import type { DatabaseConnection, Row, Session } from './connection.ts'
import { isTransient, type Stage } from './errors.ts'

/** A message without data. Its commit flushes everything before it, and waits for the standbys that must have it. */
const flush = `select pg_logical_emit_message(true, '${NUDGE_PREFIX}', '')`

/**
 * The end of what is on disk. On the connection of a commit it is not before that commit, and no other history can have begun in
 * between.
 */
const positionStatement = 'select pg_current_wal_flush_lsn()::text'

function positionIn(rows: readonly Row[]): Position {
  return positionOfLsn(rows[0]?.[0] ?? '')
}

/** The position of a write that this session has just committed. @throws {StoreError} of the stage */
export async function positionAfter(session: Session, stage: Stage = 'commit'): Promise<Position> {
  return positionIn(await session.script(stage, [positionStatement]))
}

/**
 * A position at which what this session has seen is durable. Another session may have committed it without waiting for the
 * disk. @throws {StoreError} UNCONFIRMED
 */
export async function confirmedPosition(session: Session): Promise<Position> {
  return positionIn(await session.script('confirm', ['begin', flush, 'commit', positionStatement]))
}

/** The result of work in a transaction that is about to commit. */
export interface Work<T> {
  readonly value: T
  /** Whether the commit will change anything. */
  readonly wrote: boolean
}

/** A statement of a transaction before its commit. */
export type Statement = (
  statement: string,
  values?: Parameters<Session['query']>[2],
) => Promise<readonly Row[]>

export interface TransactionsOptions {
  readonly connection: Pick<DatabaseConnection, 'writing'>
  readonly clock: Clock
  /** Retries after the first attempt. */
  readonly times: number
  /** A fresh sequence per run, with jitter so that two conflicting runs do not stay in step. */
  readonly pauses: () => RetryDelays
}

/** Runs work in transactions, each of whose statements sees what is committed when it begins. */
export class Transactions {
  readonly #options: TransactionsOptions

  constructor(options: TransactionsOptions) {
    this.#options = options
  }

  /**
   * Runs `work` until it commits without a conflict. It may throw a `StoreError` CONFLICT to be run again. Work that wrote
   * nothing is committed with a message, so that what it has read is durable. @throws {StoreError}
   */
  async run<T>(
    work: (statement: Statement) => Promise<Work<T>>,
  ): Promise<Acknowledged & { readonly value: T }> {
    const { connection, clock, times, pauses } = this.#options
    let pause: RetryDelays | undefined
    // A run continues after its client has disconnected, since it may have written.
    const never = new AbortController().signal
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await connection.writing((session) => attemptIn(session, work))
      } catch (error) {
        if (!isRepeatable(error)) throw error
        if (attempt === times)
          throw new StoreError('CONFLICT', `conflicts in ${times + 1} attempts`, { cause: error })
        pause ??= pauses()
        await clock.sleep(pause.next(), never)
      }
    }
  }
}

async function attemptIn<T>(
  session: Session,
  work: (statement: Statement) => Promise<Work<T>>,
): Promise<Acknowledged & { readonly value: T }> {
  await session.query('transaction', 'begin')
  const { value, wrote } = await work((...args) => session.query('transaction', ...args))
  const stage: Stage = wrote ? 'commit' : 'confirm'
  const rows = await session.script(stage, [...(wrote ? [] : [flush]), 'commit', positionStatement])
  return { value, wrote, at: positionIn(rows) }
}

/** Another transaction created the document between two statements, or the server broke a tie. */
function isRepeatable(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.code !== 'CONFLICT') return false
  return error.cause === undefined || isTransient(error.cause)
}
