import type { Clock } from '@freshet/kit'
import type { Published, Query } from '@freshet/postgres-rules'

export interface PublishedTablesParts {
  readonly query: Query
  readonly clock: Clock
}

/** Locks that a transaction holds on a table to which it has written, until it ends. */
const writersQuery = `select distinct virtualtransaction from pg_locks
  where locktype = 'relation' and relation = $1::oid and granted
    and database = (select oid from pg_database where datname = current_database())
    and mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`

/** Most transactions end within this time. In milliseconds. */
const patienceMs = 200
const pollMs = 20

interface Waiting {
  readonly published: Published
  /** Those that had written when it was found to be published, and have not ended. */
  writers: readonly string[]
}

/**
 * Which tables are followed as they are published now. A table is published, or published otherwise, without a lock on it, and what a
 * transaction wrote before is not in the feed when it ends afterwards. So no row is read until all of these have ended.
 */
export class PublishedTables {
  readonly #query: Query
  readonly #clock: Clock
  /** How the table of each collection was published when they had. */
  readonly #settled = new Map<string, string>()
  readonly #waiting = new Map<string, Waiting>()

  constructor({ query, clock }: PublishedTablesParts) {
    this.#query = query
    this.#clock = clock
  }

  /**
   * A feed begins that waits for all transactions.
   * @param states how tables are published, as read before it waited, by collection.
   */
  begin(states: ReadonlyMap<string, string>): void {
    this.#waiting.clear()
    this.#settled.clear()
    for (const [collection, state] of states) this.#settled.set(collection, state)
  }

  /** The table of a collection cannot be followed. */
  refused(collection: string): void {
    this.#settled.delete(collection)
    this.#waiting.delete(collection)
  }

  /** Why a table that is published may not be read yet; `undefined` if it may. */
  async faultOf(collection: string, published: Published, signal: AbortSignal): Promise<string | undefined> {
    if (this.#settled.get(collection) === published.state) return undefined
    const known = this.#waiting.get(collection)
    const waiting =
      known?.published.state === published.state
        ? known
        : { published, writers: await this.#writers(published) }
    this.#waiting.set(collection, waiting)
    const until = this.#clock.now() + patienceMs
    while (!(await this.#end(collection, waiting))) {
      if (this.#clock.now() > until || signal.aborted)
        return 'transactions that wrote to it before it was published as it is now have not ended: end them, or wait'
      await this.#clock.sleep(pollMs, signal)
    }
    return undefined
  }

  /** Collections that may be read now, and could not be when they were last asked for. */
  async settled(): Promise<readonly string[]> {
    const settled: string[] = []
    for (const [collection, waiting] of this.#waiting)
      if (await this.#end(collection, waiting)) settled.push(collection)
    return settled
  }

  /** Whether all have ended. */
  async #end(collection: string, waiting: Waiting): Promise<boolean> {
    if (waiting.writers.length > 0) {
      const still = new Set(await this.#writers(waiting.published))
      waiting.writers = waiting.writers.filter((one) => still.has(one))
    }
    if (waiting.writers.length > 0) return false
    if (this.#waiting.get(collection) === waiting) {
      this.#waiting.delete(collection)
      this.#settled.set(collection, waiting.published.state)
    }
    return true
  }

  async #writers({ table }: Published): Promise<readonly string[]> {
    return (await this.#query(writersQuery, [table])).flatMap(([one]) => one ?? [])
  }
}
