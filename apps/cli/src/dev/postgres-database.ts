import type { Log } from '@freshet/kit'
import { migratePostgres, withCredentials } from '@freshet/migration-postgres'
import { runsAsOther, startPostgres, type Postgres } from '@freshet/postgres'
import { partsOfAddress, roleOf, userNames, type UserName } from '@freshet/postgres-rules'
import type { CollectionPlace } from '@freshet/protocol'
import type { CommandContext } from '../command.ts'
import type { StateFolder } from '../state-folder.ts'
import type { RunDatabase } from './run-database.ts'

export interface DevPostgresOptions {
  readonly context: CommandContext
  readonly log: Log
  readonly state: StateFolder
  /** Address of an existing PostgreSQL. Without it, one is started. */
  readonly uri: string | undefined
  readonly database: string
  readonly collections: ReadonlyMap<string, CollectionPlace>
  /** Called when the local server ends unexpectedly. */
  readonly onEnd: (how: string) => void
}

/** Connects to or starts PostgreSQL, and migrates it. */
export class DevPostgres implements RunDatabase {
  readonly name = 'PostgreSQL'
  readonly externalUri: string | undefined
  readonly #options: DevPostgresOptions
  readonly #passwords: ReadonlyMap<UserName, string>
  readonly #stopping = new AbortController()
  #starting: Promise<void> | undefined
  #server: Postgres | undefined
  #adminUri = ''

  constructor(options: DevPostgresOptions) {
    this.#options = options
    this.externalUri = options.uri
    this.#passwords = new Map(userNames.map((user) => [user, options.state.secret(`password-${user}`)]))
  }

  get adminUri(): string {
    return this.#adminUri
  }

  get dataLocation(): string | undefined {
    if (this.externalUri !== undefined) return `the PostgreSQL at ${hostsIn(this.externalUri)}`
    return this.#isKept ? this.#options.state.path : undefined
  }

  uriFor(user: UserName): string {
    const { database } = this.#options
    const password = this.#passwords.get(user) ?? ''
    return withCredentials(this.#adminUri, { user: roleOf(user, database), password, database })
  }

  deliveryUri(): string {
    return ''
  }

  start(): Promise<void> {
    this.#starting = this.#connectAndMigrate()
    return this.#starting
  }

  async stop(): Promise<void> {
    // Cancels a migration first: the server must not stop while one is running.
    this.#stopping.abort()
    await this.#starting?.catch(() => undefined)
    await this.#server?.close()
  }

  async #connectAndMigrate(): Promise<void> {
    const { database, collections, context } = this.#options
    if (this.externalUri !== undefined)
      context.say(`Connecting to ${hostsIn(this.externalUri)}, database ${database} …`)
    this.#adminUri = this.externalUri ?? (await this.#startOwn())
    await migratePostgres({
      uri: this.#adminUri,
      database,
      collections,
      passwords: Object.fromEntries(this.#passwords),
      signal: this.#stopping.signal,
    })
  }

  get #isKept(): boolean {
    return !this.#options.state.ephemeral && !runsAsOther
  }

  async #startOwn(): Promise<string> {
    const { state, context } = this.#options
    if (!state.ephemeral && runsAsOther)
      context.say(
        'PostgreSQL does not run as root: it runs as another user, and its data is deleted at the end.',
      )
    const password = state.secret('password-postgres')
    const kept = this.#isKept ? { kept: { folder: state.file('postgres'), password } } : {}
    const settings = {
      wal_level: 'logical',
      max_replication_slots: '70',
      max_wal_senders: '70',
      max_connections: '1000',
    }
    const server = await startPostgres({ settings, ...kept })
    this.#server = server
    void this.#watch(server)
    return server.uri()
  }

  async #watch(server: Postgres): Promise<void> {
    await server.ended()
    if (!this.#stopping.signal.aborted) this.#options.onEnd('PostgreSQL ended unexpectedly')
  }
}

/** Of an address that is valid, or else is refused by the migration. */
const hostsIn = (uri: string): string => partsOfAddress(uri)?.hosts ?? 'the address'
