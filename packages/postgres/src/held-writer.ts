import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from 'pg'
import type { TestDatabase } from './test-database.ts'

const RETRY_MS = 10

/** Settings of a server whose commits wait for a standby that does not exist, unless a session asks for less. */
export const heldCommits = { synchronous_standby_names: 'nobody', synchronous_commit: 'local' } as const

/**
 * A session whose commits can be held: they are in the log, and so in the feed, but no other session sees them. Requires {@link
 * heldCommits}.
 */
export class HeldWriter {
  readonly #client: Client
  readonly #db: Pick<TestDatabase, 'connect' | 'admin'>
  readonly #pid: number
  #held = false
  #committing: Promise<unknown> | undefined

  private constructor(client: Client, db: Pick<TestDatabase, 'connect' | 'admin'>, pid: number) {
    this.#client = client
    this.#db = db
    this.#pid = pid
  }

  static async open(db: Pick<TestDatabase, 'connect' | 'admin'>): Promise<HeldWriter> {
    const client = await db.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    return new HeldWriter(client, db, Number(rows[0]?.pid))
  }

  /** Runs a statement. A held one that commits is only sent. */
  async query(statement: string, values: readonly unknown[] = []): Promise<void> {
    const running = this.#client.query(statement, [...values])
    if (this.#held) this.#committing = running.catch(() => undefined)
    else await running
  }

  /** The next commit is held. */
  hold(): void {
    this.#held = true
    void this.#client.query('set synchronous_commit = on')
  }

  /** Shows the held commit. */
  async release(): Promise<void> {
    this.#held = false
    const committed = this.#committing?.then(() => true)
    for (let ended = committed === undefined; !ended;) {
      // A wait that has not begun yet cannot be ended.
      await this.#db.admin.query('select pg_cancel_backend($1)', [this.#pid])
      ended = (await Promise.race([committed, pause(RETRY_MS)])) === true
    }
    await this.#client.query('set synchronous_commit = local')
  }

  async close(): Promise<void> {
    await this.#client.end()
  }
}
