import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestDatabase } from '@freshet/postgres'
import type { SeededRandom } from '@freshet/testkit'

/** The collection of the readers. */
export const tables = [
  'create table products (id text primary key, value integer, pad text)',
  // Rows that only make transactions long.
  'create table filler (id serial primary key, value integer)',
  // The database's own word on each of its states. Not in the log.
  'create table history (n integer primary key, digest text)',
  `insert into products values ('mark', 0, null)`,
  `insert into products select 'p' || g, g, repeat('x', 100) from generate_series(1, 80) g`,
]

/** The tables that Debezium follows. */
export const followed = 'public.products,public.filler'

const WRITERS = 2
const PAUSE_MS = 20
/** Transactions. */
const MAX_LAG = 200

/** Every id that a row may have. */
export const ids: readonly string[] = [
  'mark',
  ...Array.from({ length: 80 }, (_, n) => [`p${n + 1}`, `r${n + 1}`]).flat(),
]

const digestQuery = `select md5(coalesce(string_agg(id || '=' || value || ';', '' order by id collate "C"), '')) as digest
  from products where id <> 'mark'`

/** The same digest of the rows that a reader shows. */
export function digestOf(rows: readonly { readonly id: string; readonly value: number }[]): string {
  const text = rows
    .filter(({ id }) => id !== 'mark')
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, value }) => `${id}=${value};`)
    .join('')
  return createHash('md5').update(text).digest('hex')
}

/**
 * Writes transactions until it is stopped. Each of them counts `mark` up, which puts them in one order, and stores a digest of
 * all rows, computed by the database.
 */
export class JudgedTable {
  readonly #db: TestDatabase
  readonly #random: SeededRandom
  readonly #stopping = new AbortController()
  readonly #lag: () => number
  readonly #writers: Promise<void>[]
  /** Committed transactions. */
  committed = 0

  /** @param lag how many transactions a reader is behind: writers wait for it, because Debezium is much slower. */
  constructor(db: TestDatabase, random: SeededRandom, lag: () => number) {
    this.#db = db
    this.#random = random
    this.#lag = lag
    this.#writers = Array.from({ length: WRITERS }, () => this.#write())
  }

  /** Resolves when all writers have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#writers)
  }

  async digest(): Promise<string> {
    const { rows } = await this.#db.admin.query(digestQuery)
    return String(rows[0]?.digest)
  }

  /** The digest after each transaction. */
  async history(): Promise<ReadonlyMap<number, string>> {
    const { rows } = await this.#db.admin.query('select n, digest from history')
    return new Map(rows.map(({ n, digest }) => [Number(n), String(digest)]))
  }

  async #write(): Promise<void> {
    const client = await this.#db.connect()
    while (!this.#stopping.signal.aborted) {
      await client.query('begin')
      await client.query(`update products set value = value + 1 where id = 'mark'`)
      const changes =
        this.#random.next() < 0.05 ? ['all'] : Array.from({ length: 1 + this.#random.below(4) }, () => 'one')
      for (const change of changes) await client.query(...this.#statement(change === 'all'))
      await client.query(`insert into history select value, (${digestQuery}) from products where id = 'mark'`)
      const keep = this.#random.next() >= 0.1
      await client.query(keep ? 'commit' : 'rollback')
      if (keep) this.committed += 1
      do await pause(PAUSE_MS)
      while (this.#lag() > MAX_LAG && !this.#stopping.signal.aborted)
    }
    await client.end()
  }

  #statement(all: boolean): [string, unknown[]] {
    if (all)
      return [
        `with f as (insert into filler (value) select g from generate_series(1, 300) g)
         update products set value = value + 1 where id <> 'mark'`,
        [],
      ]
    const n = 1 + this.#random.below(80)
    const value = this.#random.below(1_000_000)
    const kind = this.#random.below(4)
    if (kind === 0) return ['delete from products where id = $1', [`p${n}`]]
    // A changed key, unless the other one exists.
    if (kind === 1)
      return [
        `update products set id = translate(id, 'pr', 'rp') where id = $1
         and not exists (select from products where id = $2)`,
        [`p${n}`, `r${n}`],
      ]
    return [
      'insert into products values ($1, $2, $3) on conflict (id) do update set value = excluded.value',
      [this.#random.next() < 0.2 ? `r${n}` : `p${n}`, value, 'y'],
    ]
  }
}
