import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { SeededRandom } from '@freshet/testkit'
import type { JudgedWrites } from './judge.ts'
import type { JudgedDatabase, SqlClient } from './judged-databases.ts'

const WRITERS = 2
const PAUSE_MS = 20
/** Transactions. */
const MAX_LAG = 200

/** Every id that a row may have. */
export const ids: readonly string[] = [
  'mark',
  ...Array.from({ length: 80 }, (_, n) => [`p${n + 1}`, `r${n + 1}`]).flat(),
]

/** The same digest of the rows that a reader shows. */
export function digestOf(rows: readonly { readonly id: string; readonly value: number }[]): string {
  const text = rows
    .filter(({ id }) => id !== 'mark')
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, value }) => `${id}=${value};`)
    .join('')
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Writes transactions until it is stopped. Each of them counts `mark` up, which puts them in one order, and stores a digest of
 * all rows, computed by the database.
 */
export class JudgedTable implements JudgedWrites {
  readonly #db: JudgedDatabase
  readonly #random: SeededRandom
  readonly #stopping = new AbortController()
  readonly #lag: () => number
  readonly #writers: Promise<void>[]
  /** Committed transactions. */
  committed = 0

  /** @param lag how many transactions a reader is behind: writers wait for it, because Debezium is much slower. */
  constructor(db: JudgedDatabase, random: SeededRandom, lag: () => number) {
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
    const [row] = await this.#db.rows(this.#db.digest)
    return String(row?.['digest'])
  }

  /** The digest after each transaction. */
  async history(): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
    const rows = await this.#db.rows('select n, digest from history')
    return new Map(rows.map(({ n, digest }) => [Number(n), new Set([String(digest)])]))
  }

  async #write(): Promise<void> {
    await using client = await this.#db.connect()
    while (!this.#stopping.signal.aborted) {
      await client.run('begin')
      await client.run(`update products set value = value + 1 where id = 'mark'`)
      await this.#change(client)
      await client.run(
        `insert into history select value, (${this.#db.digest}) from products where id = 'mark'`,
      )
      const keep = this.#random.next() >= 0.1
      await client.run(keep ? 'commit' : 'rollback')
      if (keep) this.committed += 1
      do await pause(PAUSE_MS)
      while (this.#lag() > MAX_LAG && !this.#stopping.signal.aborted)
    }
  }

  async #change(client: SqlClient): Promise<void> {
    const { changeAll, others } = this.#db
    const chance = this.#random.next()
    if (chance < 0.15) {
      const statements = chance < 0.05 ? changeAll : others[this.#random.below(others.length)]
      for (const statement of statements ?? []) await client.run(statement)
      return
    }
    for (let changes = 1 + this.#random.below(4); changes > 0; changes -= 1) {
      const n = 1 + this.#random.below(80)
      const value = this.#random.below(1_000_000)
      const kind = this.#random.below(4)
      if (kind === 0) await client.run(this.#db.remove, [`p${n}`])
      else if (kind === 1) await client.run(this.#db.rename, [`p${n}`, `r${n}`])
      else await client.run(this.#db.put, [this.#random.next() < 0.2 ? `r${n}` : `p${n}`, value, 'y'])
    }
  }
}
