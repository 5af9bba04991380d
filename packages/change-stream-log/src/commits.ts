import { isBefore } from './order.ts'
import { lost, type RowChanges } from './row-changes.ts'
import type { Event, Open, Transactions } from './transactions.ts'

/** Applies whole transactions, in the order in which the database has committed them. */
export class Commits {
  readonly #transactions: Transactions
  readonly #rows: RowChanges
  /** The place of the latest one. */
  #latest: string | undefined
  /** Every record below this offset was applied, except those of transactions that have not ended. */
  through = 0

  constructor(transactions: Transactions, rows: RowChanges) {
    this.#transactions = transactions
    this.#rows = rows
  }

  /** @throws {ChangeStreamError} HISTORY_LOST: a later one is shown already. */
  apply({ id, events }: Open): void {
    const commit = events[0]?.origin.order?.commit
    if (commit !== undefined) {
      const late = this.#latest !== undefined && isBefore(commit, this.#latest)
      if (late && this.#rows.live) {
        if (!this.#transactions.forgot || events.some((event) => this.#rows.includes(event) !== true))
          throw lost(`transaction ${id} is out of order`)
        return
      }
      if (!late) this.#latest = commit
    }
    for (const event of events) this.#rows.apply(event)
  }

  /** Whether a change is of the latest transaction. */
  isOfLatest({ origin }: Event): boolean {
    return origin.order?.commit === this.#latest
  }

  /** Nothing that came before is later than what comes. */
  startAnew(): void {
    this.#latest = undefined
    this.#transactions.startAnew()
  }
}
