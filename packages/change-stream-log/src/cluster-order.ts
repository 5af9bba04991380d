import type { Commits } from './commits.ts'
import { isBefore } from './order.ts'
import type { RowRecord, TruncateRecord } from './record.ts'
import { lost, type RowChanges } from './row-changes.ts'
import type { Transactions } from './transactions.ts'

/** A snapshot of MongoDB is left behind by a change that is this much later: more than clocks differ. */
const CLOCKS_DIFFER_MS = 60_000

/**
 * The order of MongoDB's changes: their cluster time. It ends transactions, because Debezium may have been killed before it wrote
 * their END, and snapshots, because they are not of one moment.
 */
export class ClusterOrder {
  readonly #transactions: Transactions
  readonly #rows: RowChanges
  readonly #commits: Commits
  /** The state is exact again when changes have come as far as this time. */
  #exactFromMs: number | undefined

  constructor(transactions: Transactions, rows: RowChanges, commits: Commits) {
    this.#transactions = transactions
    this.#rows = rows
    this.#commits = commits
  }

  /** Whether the state is of one moment. */
  get isExact(): boolean {
    return this.#exactFromMs === undefined
  }

  /** A snapshot was read to its end. Each of its documents is as it was when it was read. */
  completed(atMs: number): void {
    this.#exactFromMs = atMs + CLOCKS_DIFFER_MS
  }

  /**
   * A change. Without a transaction, it is one by itself.
   * @throws {ChangeStreamError} TOO_LARGE, HISTORY_LOST, CONTENT_UNKNOWN
   */
  change(event: RowRecord | TruncateRecord, bytes: number, offset: number): void {
    const { transaction, order, atMs } = event.origin
    if (this.#exactFromMs !== undefined && atMs > this.#exactFromMs) this.#exactFromMs = undefined
    const key = event.kind === 'row' ? [...event.key.values()] : []
    const id = transaction ?? [order?.change, event.table.table, ...key].join()
    if (this.#transactions.isApplied(id)) return this.#repeated(event)
    this.endBefore(order?.commit, offset)
    if (transaction !== undefined) return this.#transactions.add(id, event, bytes, offset)
    this.#transactions.end(id)
    this.#commits.apply({ id, from: offset, events: [event], bytes })
  }

  /** MongoDB had nothing more than the changes so far. */
  reachedEnd(offset: number): void {
    this.#exactFromMs = undefined
    this.endBefore(undefined, offset)
  }

  /** What has begun is whole, if it is before another change. `undefined`: in any case. */
  endBefore(commit: string | undefined, offset: number): void {
    for (const open of this.#transactions.pending) {
      const own = open.events[0]?.origin.order?.commit
      if (own === undefined || (commit !== undefined && !isBefore(own, commit))) continue
      this.#transactions.end(open.id)
      this.#commits.apply(open)
      this.#commits.through = offset
    }
  }

  /** A change of what has ended already. It was applied, unless the transaction went on. */
  #repeated(event: RowRecord | TruncateRecord): void {
    const included = this.#rows.includes(event)
    const isNew = included === undefined && event.kind === 'row' && event.op !== 'd'
    if (included !== false && !(isNew && this.#commits.isOfLatest(event))) return
    if (this.#rows.live) throw lost('a transaction went on after its end')
    this.#rows.apply(event)
  }
}
