import type { Client } from 'pg'
import { HeldWriter, type TestDatabase } from '@freshet/postgres'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../random.ts'
import { collections, idsOf, twins } from '../stress-documents.ts'
import { twinTables } from './tables.ts'

export interface WriterOptions {
  /** Commits that are in the log but not visible, as with a slow standby. */
  readonly held: boolean
  /** The server may go away: writers connect again and again. */
  readonly survive?: boolean
  /** Whether they leave definitions of tables as they are: after a change, a replica reads every document again. */
  readonly keepDefinitions?: boolean
}

const RECONNECT_MS = 50

export type WriterDatabase = Pick<TestDatabase, 'connect' | 'admin'>

/** Transactions that are sent together: the readers keep this process busy. */
const sentTogether = 6

/** Concurrent writers to the same rows, with every kind of statement, independent of any replica. */
export class Writers {
  readonly #db: WriterDatabase
  readonly #random: Random
  readonly #options: WriterOptions
  #stopped = false
  #writes = 0

  constructor(db: WriterDatabase, random: Random, options: WriterOptions) {
    this.#db = db
    this.#random = random
    this.#options = options
  }

  /** Attempted transactions. */
  get writes(): number {
    return this.#writes
  }

  /** Resolves after {@link Writers.stop}. */
  async run(writers: number): Promise<void> {
    const loops = Array.from({ length: writers }, (_, n) => this.#loop(n === 0))
    if (this.#options.held) loops.push(this.#hold())
    await Promise.all(loops)
  }

  stop(): void {
    this.#stopped = true
  }

  /** @param long this one runs the transactions that stay open for long. */
  async #loop(long: boolean): Promise<void> {
    while (!this.#stopped) {
      let client: Client | undefined
      try {
        client = await this.#db.connect()
        while (!this.#stopped) await this.#send(client, long)
      } catch (error) {
        if (this.#options.survive !== true) throw error
        await pause(RECONNECT_MS)
      } finally {
        await client?.end().catch(() => undefined)
      }
    }
  }

  async #send(client: Client, long: boolean): Promise<void> {
    const transactions = Array.from({ length: sentTogether }, () => this.#transaction(long))
    this.#writes += sentTogether
    try {
      await client.query(transactions.join(';'))
    } catch (error) {
      // Writers collide: duplicate keys and deadlocks are normal.
      await client.query('rollback')
      if (!/duplicate key|deadlock/.test(String(error))) throw error
    }
  }

  /** The ends of the log just before the commit and after it are recorded, for the second oracle. */
  #transaction(long: boolean): string {
    const ended = this.#random.chance(0.08) ? ['rollback'] : [recordBefore, 'commit', recordAfter]
    return ['begin', ...this.#body(long), ...ended].join(';')
  }

  #body(long: boolean): readonly string[] {
    const dice = this.#random.int(100)
    if (long && dice < 10) {
      const seconds = (this.#random.int(150) / 1_000).toFixed(3)
      return [this.#statement(), `select pg_sleep(${seconds})`, this.#statement()]
    }
    if (dice < 65) return [this.#statement()]
    return dice < 80 ? this.#twins() : this.#savepoints()
  }

  #statement(): string {
    const random = this.#random
    const name = random.pick(collections)
    const id = random.pick(idsOf(name))
    const dice = random.int(200)
    if (dice < 80) return upsert(name, id, textOf(random))
    if (dice < 120) return `update ${name} set stamp = nextval('stamps') where id = '${id}'`
    if (dice < 144) return `delete from ${name} where id = '${id}'`
    if (dice < 164)
      return `update ${name} set id = '${random.pick(idsOf(name))}', stamp = nextval('stamps') where id = '${id}'`
    if (dice < 180)
      return `update ${name} set stamp = nextval('stamps') where id in
        (select id from ${name} where id::text > '${id}' order by id limit 8 for update)`
    if (dice < 197) return upsert('scratch', random.pick(idsOf('scratch')), textOf(random))
    if (dice < 199 || this.#options.keepDefinitions === true) return 'truncate scratch'
    return random.chance(0.5)
      ? 'alter table scratch add column if not exists extra integer default 1'
      : 'alter table scratch drop column if exists extra'
  }

  /** Two rows in each of two tables get the same number. */
  #twins(): readonly string[] {
    const pair = this.#random.int(2 ** 30)
    return twinTables.flatMap((name) =>
      (this.#random.chance(0.5) ? twins : twins.toReversed()).map((id) => upsert(name, id, undefined, pair)),
    )
  }

  #savepoints(): readonly string[] {
    const end = this.#random.chance(0.5) ? 'rollback to savepoint one' : 'release savepoint one'
    return [this.#statement(), 'savepoint one', this.#statement(), end, this.#statement()]
  }

  /** Commits that other sessions see late. */
  async #hold(): Promise<void> {
    const writer = await HeldWriter.open(this.#db)
    while (!this.#stopped) {
      writer.hold()
      // Rows that no other writer would wait for, and that are too large to be recalled from what just changed.
      await writer.query(
        `insert into products (id, text) select unnest($1::text[]), repeat('x', 1500)
         on conflict (id) do update set stamp = excluded.stamp`,
        [heldIds],
      )
      await pause(20 + this.#random.int(40))
      await writer.release()
    }
    await writer.close()
  }
}

/** Written only with held commits. */
export const heldIds: readonly string[] = Array.from({ length: 30 }, (_, n) => `held${n}`)

const recordBefore = `
  insert into bounds (xid, before) values (pg_current_xact_id()::text, pg_current_wal_insert_lsn());
  select set_config('writer.xid', pg_current_xact_id()::text, false)`
const recordAfter = `
  insert into bounds (xid, after) values (current_setting('writer.xid'), pg_current_wal_insert_lsn())`

function upsert(name: string, id: string, text: string | undefined, pair?: number): string {
  const values = [`'${id}'`, pair ?? 'null', text === undefined ? 'null' : `'${text}'`].join(', ')
  return `insert into ${name} (id, pair, text) values (${values})
    on conflict (id) do update set stamp = excluded.stamp, pair = excluded.pair, text = excluded.text`
}

/** Every fifth is stored apart from its row. */
function textOf(random: Random): string {
  return randomBytes(random.chance(0.2) ? 2_000 : random.int(100)).toString('hex')
}
