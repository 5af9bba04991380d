import type { Log, Part } from '@freshet/kit'
import { hostsOf, migrate, withCredentials } from '@freshet/migration'
import { findMongod, isPortFree, startReplicaSet } from '@freshet/mongod'
import type { FoundMongod, Member, ReplicaSet } from '@freshet/mongod'
import { roleNames } from '@freshet/roles'
import type { RoleName } from '@freshet/roles'
import type { World } from '../command.ts'
import type { StateFolder } from '../state-folder.ts'

/** What the database of a run is made of. */
export interface DevDatabaseOptions {
  readonly world: World
  readonly log: Log
  readonly state: StateFolder
  /** The address of one that is there; without it one is started. */
  readonly uri: string | undefined
  readonly database: string
  readonly collections: readonly string[]
  /** Called when the server that was started here is gone without having been asked. */
  readonly onEnd: (how: string) => void
}

/** The watchdog looks every two seconds, and a server that was killed takes a moment to end. */
const leftWithinMs = 10_000
const askEveryMs = 100

/** Finds or starts MongoDB, and brings it into its form with one user per role. */
export class DevDatabase implements Part {
  readonly name = 'MongoDB'
  readonly #options: DevDatabaseOptions
  readonly #passwords: ReadonlyMap<RoleName, string>
  #begun: Promise<void> | undefined
  #set: ReplicaSet | undefined
  #adminUri = ''
  #searching = false
  readonly #stopping = new AbortController()

  constructor(options: DevDatabaseOptions) {
    this.#options = options
    this.#passwords = new Map(roleNames.map((role) => [role, options.state.secret(`password-${role}`)]))
  }

  /** Address with a user that may do everything; for development alone. */
  get adminUri(): string {
    return this.#adminUri
  }

  /** Where the data still is at the end, in words. */
  get keptAt(): string | undefined {
    const given = this.given
    if (given !== undefined) return `the MongoDB at ${hostsOf(given)}`
    return this.#options.state.ephemeral ? undefined : this.#options.state.path
  }

  /** Address with the user of one role. */
  uriFor(user: RoleName): string {
    const password = this.#passwords.get(user) ?? ''
    return withCredentials(this.#adminUri, { user, password, database: this.#options.database })
  }

  start(): Promise<void> {
    this.#begun = this.#begin()
    return this.#begun
  }

  async stop(): Promise<void> {
    // Ends a migration too: under one that runs, the server must not go away.
    this.#stopping.abort()
    // A search may be a download of minutes: it is not waited for, and what it finds is not started any more.
    if (!this.#searching) await this.#begun?.catch(() => undefined)
    await this.#set?.close()
  }

  async #begin(): Promise<void> {
    const { database, collections, world } = this.#options
    const given = this.given
    if (given !== undefined) world.say(`Connecting to ${hostsOf(given)}, database ${database} …`)
    this.#adminUri = given ?? (await this.#startOwn())
    const untyped = given !== undefined && this.#options.uri === undefined
    try {
      await migrate({
        uri: this.#adminUri,
        database,
        collections,
        passwords: Object.fromEntries(this.#passwords),
        // What nobody typed may be the database of services that run: theirs must not be shut out.
        ownUsersOnly: untyped,
        signal: this.#stopping.signal,
      })
    } catch (error) {
      if (untyped && !this.#stopping.signal.aborted)
        world.say('The address is that of MONGODB_URI: unset it to have a MongoDB started here.')
      throw error
    }
  }

  /** The address of a MongoDB that was there already. */
  get given(): string | undefined {
    return this.#options.uri ?? (this.#options.world.env['MONGODB_URI'] || undefined)
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
    if (!this.#stopping.signal.aborted) this.#options.onEnd('MongoDB ended by itself')
  }

  async #open(): Promise<ReplicaSet> {
    const { state } = this.#options
    const mongod = await this.#search()
    const root = { user: 'developer', password: state.secret('password-developer') }
    if (state.ephemeral) return startReplicaSet({ mongod, root, dbPath: state.data(), throwAway: true })
    // Kept data belongs to the port that it was made with: a replica set knows its members by address.
    const port = Number(state.read('mongod-port') ?? 0)
    if (port > 0) await this.#waitForPort(port)
    else if (state.hasData()) await this.#removeHalfMade()
    const place = { dbPath: state.data(), ...(port > 0 ? { port } : {}) }
    return startReplicaSet({ mongod, root, ...place })
  }

  async #search(): Promise<FoundMongod> {
    const { world, log } = this.#options
    this.#searching = true
    try {
      const mongod = await findMongod({ env: world.env, log })
      world.stopped.throwIfAborted()
      log.info({}, `MongoDB ${mongod.version}, ${mongod.origin}: ${mongod.binary}`)
      return mongod
    } finally {
      this.#searching = false
    }
  }

  /** After a run that was killed its server goes on for some seconds, until the watchdog ends it. */
  async #waitForPort(port: number): Promise<void> {
    const { say } = this.#options.world
    if (await isPortFree(port)) return
    say(
      `Port ${port}, which the kept data belongs to, is in use: waiting up to ${leftWithinMs / 1_000} s for an earlier run to end.`,
    )
    await this.#until(() => isPortFree(port))
  }

  /** The port is written when the first start is over: without it the data has no users and no documents. */
  async #removeHalfMade(): Promise<void> {
    const { state, world } = this.#options
    await this.#until(async () => !state.serverRuns())
    // One that goes on refuses a second one, with its reason.
    if (state.serverRuns()) return
    world.say(`The data in ${state.path} is of a first start that was cut off: making it anew.`)
    state.removeData()
  }

  /** Waits while what an earlier run left is still there, and not for ever. */
  async #until(over: () => Promise<boolean>): Promise<void> {
    const { clock, stopped } = this.#options.world
    const untilMs = clock.now() + leftWithinMs
    while (clock.now() < untilMs && !stopped.aborted && !(await over()))
      await clock.sleep(askEveryMs, stopped)
  }
}
