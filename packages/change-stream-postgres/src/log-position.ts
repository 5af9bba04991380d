import type { Position } from '@freshet/protocol'
import {
  endOfLastRecord,
  NUDGE_PREFIX,
  positionOfLsn,
  serverExpression,
  type Query,
  type WalLayout,
} from '@freshet/postgres-rules'
import { changeStreamErrorOf } from './errors.ts'
import type { FollowedServer } from './identity.ts'
import { Snapshot, type AppliedTransactions } from './transactions.ts'

/** What is read of the log besides the changes. */
export class LogPosition {
  readonly #query: Query
  readonly #followed: FollowedServer
  readonly #applied: AppliedTransactions
  #layout: Promise<WalLayout> | undefined

  constructor(query: Query, followed: FollowedServer, applied: AppliedTransactions) {
    this.#query = query
    this.#followed = followed
    this.#applied = applied
  }

  /**
   * A position at or after everything that was visible before the call. The feed asks for it all the time, so transactions that
   * are visible are forgotten even if nothing is read.
   */
  async head(): Promise<Position> {
    const [row] = await this.#query(
      `select pg_current_wal_insert_lsn()::text, ${serverExpression}, pg_current_snapshot()::text`,
    )
    const [lsn, server, snapshot] = row ?? []
    this.#followed.expect(server ?? '')
    this.#applied.saw(new Snapshot(snapshot ?? ''))
    return await this.endOf(lsn ?? '')
  }

  /** The end of the last record before an insert position. */
  async endOf(insertLsn: string): Promise<Position> {
    this.#layout ??= this.#readLayout()
    return endOfLastRecord(positionOfLsn(insertLsn), await this.#layout)
  }

  /** The low 32 bits of the id of a transaction that begins now. Changes no data. */
  async nextTransaction(): Promise<number> {
    const [row] = await this.#query('select pg_current_xact_id()::text')
    return Number(BigInt(row?.[0] ?? '') & 0xffffffffn)
  }

  /** Writes everything before it to disk, so that the feed gets there. Changes no data. */
  async nudge(): Promise<void> {
    await this.#query(`select pg_logical_emit_message(true, '${NUDGE_PREFIX}', '')`)
  }

  async #readLayout(): Promise<WalLayout> {
    try {
      const [row] = await this.#query(
        `select current_setting('wal_block_size'), setting from pg_settings where name = 'wal_segment_size'`,
      )
      return { blockBytes: Number(row?.[0]), segmentBytes: Number(row?.[1]) }
    } catch (error) {
      this.#layout = undefined
      throw changeStreamErrorOf(error, 'read the layout of the log')
    }
  }
}
