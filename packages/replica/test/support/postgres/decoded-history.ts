import { eventually } from '@freshet/testkit'
import type { TestDatabase } from '@freshet/postgres'
import type { Position } from '@freshet/protocol'
import { LogicalReplicationService, PgoutputPlugin, type Pgoutput } from 'pg-logical-replication'
import { positionOfText, publication } from './tables.ts'

interface Version {
  readonly at: Position
  readonly stamp: number | undefined
}

const slot = 'oracle'

/**
 * The first oracle: the history from a slot of its own, decoded by another library. Every version has a unique stamp that
 * identifies it.
 */
export class DecodedHistory implements AsyncDisposable {
  readonly #versions = new Map<string, Version[]>()
  readonly #service: LogicalReplicationService
  readonly #running: Promise<unknown>
  readonly #db: TestDatabase
  /** Of the open transaction; applied at its commit, whose end is their position. */
  #open: ((at: Position) => void)[] = []
  #heard: Position | undefined
  failure: unknown

  private constructor(db: TestDatabase) {
    this.#db = db
    this.#service = new LogicalReplicationService({ connectionString: db.server.uri() })
    this.#service.on('data', (_lsn: string, message: Pgoutput.Message) => this.#hear(message))
    this.#service.on('error', (error: unknown) => (this.failure ??= error))
    const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication] })
    this.#running = this.#service.subscribe(plugin, slot).catch(() => undefined)
  }

  /** Records everything from now on, when the tables must be empty. */
  static async open(db: TestDatabase): Promise<DecodedHistory> {
    await db.admin.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    return new DecodedHistory(db)
  }

  /** The stamp of the document at a position; `undefined` if it was absent. */
  at(collection: string, id: string, position: Position): number | undefined {
    const found = this.#versions.get(`${collection}/${id}`)?.findLast((version) => version.at <= position)
    return found?.stamp
  }

  /** Resolves when a commit after `position` has been received. Requires ongoing writes. */
  async hasHeard(position: Position): Promise<void> {
    await eventually(() => {
      if (this.#heard === undefined || this.#heard <= position)
        throw new Error(`heard up to ${this.#heard}, nothing after ${position}; ${String(this.failure)}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service.destroy()
    await this.#running
    await eventually(() => this.#db.admin.query(`select pg_drop_replication_slot('${slot}')`))
  }

  #hear(message: Pgoutput.Message): void {
    switch (message.tag) {
      case 'begin':
        this.#open = []
        return
      case 'commit': {
        const at = positionOfText(message.commitEndLsn ?? '')
        for (const apply of this.#open) apply(at)
        this.#heard = at
        return
      }
      case 'insert':
        return this.#note(message.relation.name, message.new['id'], Number(message.new['stamp']))
      case 'update':
        if (message.key) this.#note(message.relation.name, message.key['id'], undefined)
        return this.#note(message.relation.name, message.new['id'], Number(message.new['stamp']))
      case 'delete':
        return this.#note(message.relation.name, message.key?.['id'], undefined)
      case 'truncate':
        for (const { name } of message.relations) this.#truncate(name)
        return
      default:
    }
  }

  #note(name: string, id: unknown, stamp: number | undefined): void {
    this.#open.push((at) => {
      const key = `${name}/${String(id)}`
      const versions = this.#versions.get(key)
      if (versions) versions.push({ at, stamp })
      else this.#versions.set(key, [{ at, stamp }])
    })
  }

  #truncate(name: string): void {
    this.#open.push((at) => {
      for (const [key, versions] of this.#versions)
        if (key.startsWith(`${name}/`)) versions.push({ at, stamp: undefined })
    })
  }
}
