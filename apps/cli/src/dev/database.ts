import type { Log } from '@freshet/kit'
import { hostsOf, migrate, withCredentials } from '@freshet/migration'
import { findMongod, isPortFree, startReplicaSet } from '@freshet/mongod'
import type { FoundMongod, Member, ReplicaSet } from '@freshet/mongod'
import { roleNames } from '@freshet/roles'
import type { RoleName } from '@freshet/roles'
import type { CommandContext } from '../command.ts'
import type { StateFolder } from '../state-folder.ts'
import type { RunDatabase } from './run-database.ts'

/** Options of the database of a run. */
export interface DevDatabaseOptions {
  readonly context: CommandContext
  readonly log: Log
  readonly state: StateFolder
  /** Address of an existing MongoDB. Without it, one is started. */
  readonly uri: string | undefined
  readonly database: string
  readonly collections: readonly string[]
  /** Called when the local server ends unexpectedly. */
  readonly onEnd: (how: string) => void
}

/** The watchdog polls every two seconds, and a server needs a moment to stop. */
const releasedWithinMs = 10_000
const pollEveryMs = 100

/** Connects to or starts MongoDB, and migrates it. */
export class DevDatabase implements RunDatabase {
  readonly name = 'MongoDB'
  readonly #options: DevDatabaseOptions
  readonly #passwords: ReadonlyMap<RoleName, string>
  #starting: Promise<void> | undefined
  #set: ReplicaSet | undefined
  #adminUri = ''
  #searching = false
  readonly #stopping = new AbortController()

  constructor(options: DevDatabaseOptions) {
    this.#options = options
    this.#passwords = new Map(roleNames.map((role) => [role, options.state.secret(`password-${role}`)]))
  }

  /** Address with an administrator, for development only. */
  get adminUri(): string {
    return this.#adminUri
  }

  /** Where the data remains after the run, for people. */
  get dataLocation(): string | undefined {
    const uri = this.externalUri
    if (uri !== undefined) return `the MongoDB at ${hostsOf(uri)}`
    return this.#options.state.ephemeral ? undefined : this.#options.state.path
  }

  /** Address with the user of a role. */
  uriFor(user: RoleName): string {
    const password = this.#passwords.get(user) ?? ''
    return withCredentials(this.#adminUri, { user, password, database: this.#options.database })
  }

  deliveryUri(): string {
    return this.uriFor('freshet-delivery')
  }

  start(): Promise<void> {
    this.#starting = this.#connectAndMigrate()
    return this.#starting
  }

  async stop(): Promise<void> {
    // Cancels a migration first: the server must not stop while one is running.
    this.#stopping.abort()
    // A search may download for minutes. Do not wait for it; its result is discarded.
    if (!this.#searching) await this.#starting?.catch(() => undefined)
    await this.#set?.close()
  }

  async #connectAndMigrate(): Promise<void> {
    const { database, collections, context } = this.#options
    const uri = this.externalUri
    if (uri !== undefined) context.say(`Connecting to ${hostsOf(uri)}, database ${database} …`)
    this.#adminUri = uri ?? (await this.#startOwn())
    const fromVariable = uri !== undefined && this.#options.uri === undefined
    try {
      await migrate({
        uri: this.#adminUri,
        database,
        collections,
        messages: true,
        passwords: Object.fromEntries(this.#passwords),
        // A forgotten variable may point to the database of running services: do not lock them out.
        ownUsersOnly: fromVariable,
        signal: this.#stopping.signal,
      })
    } catch (error) {
      if (fromVariable && !this.#stopping.signal.aborted)
        context.say('The address is from MONGODB_URI. Unset it to start a local MongoDB.')
      throw error
    }
  }

  /** Address of an existing MongoDB. */
  get externalUri(): string | undefined {
    return this.#options.uri ?? (this.#options.context.env['MONGODB_URI'] || undefined)
  }

  async #startOwn(): Promise<string> {
    const set = await this.#open()
    this.#set = set
    const [member] = set.members
    if (member === undefined) return set.rootUri()
    this.#options.state.write('mongod-port', String(member.port))
    void this.#watch(member)
    return set.rootUri()
  }

  async #watch(member: Member): Promise<void> {
    await member.ended()
    if (!this.#stopping.signal.aborted) this.#options.onEnd('MongoDB ended unexpectedly')
  }

  async #open(): Promise<ReplicaSet> {
    const { state } = this.#options
    const mongod = await this.#search()
    const root = { user: 'developer', password: state.secret('password-developer') }
    if (state.ephemeral) return startReplicaSet({ mongod, root, dbPath: state.data(), throwAway: true })
    // Existing data requires its port: a replica set identifies its members by address.
    const port = Number(state.read('mongod-port') ?? 0)
    if (port > 0) await this.#waitForPort(port)
    else if (state.hasData()) await this.#removeIncompleteData()
    const place = { dbPath: state.data(), ...(port > 0 ? { port } : {}) }
    return startReplicaSet({ mongod, root, ...place })
  }

  async #search(): Promise<FoundMongod> {
    const { context, log } = this.#options
    this.#searching = true
    try {
      const mongod = await findMongod({ env: context.env, log })
      context.stopped.throwIfAborted()
      log.info({}, `MongoDB ${mongod.version}, ${mongod.origin}: ${mongod.binary}`)
      return mongod
    } finally {
      this.#searching = false
    }
  }

  /** The server of a killed run keeps running for some seconds, until the watchdog stops it. */
  async #waitForPort(port: number): Promise<void> {
    const { say } = this.#options.context
    if (await isPortFree(port)) return
    say(
      `Port ${port} of the existing data is in use: waiting up to ${releasedWithinMs / 1_000} s for an earlier run to stop.`,
    )
    await this.#waitUntil(() => isPortFree(port))
  }

  /** The port is stored after the first start. Without it, the data has no users and no documents. */
  async #removeIncompleteData(): Promise<void> {
    const { state, context } = this.#options
    await this.#waitUntil(async () => !state.serverRuns())
    // If it keeps running, starting another one fails with the reason.
    if (state.serverRuns()) return
    context.say(`The first start in ${state.path} was not completed: starting over.`)
    state.removeData()
  }

  /** Waits for an earlier run to release its resources, up to a limit. */
  async #waitUntil(released: () => Promise<boolean>): Promise<void> {
    const { clock, stopped } = this.#options.context
    const untilMs = clock.now() + releasedWithinMs
    while (clock.now() < untilMs && !stopped.aborted && !(await released()))
      await clock.sleep(pollEveryMs, stopped)
  }
}
