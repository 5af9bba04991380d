import { migrate, withCredentials } from '@freshet/migration'
import type { Passwords } from '@freshet/migration'
import type { ReplicaSet } from '@freshet/mongod'
import type { RoleName } from '@freshet/roles'
import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { eventually } from './eventually.ts'
import { failPoint } from './fail-point.ts'
import type { FailPointMode } from './fail-point.ts'
import { writesOfReaders } from './readers-write.ts'
import { ownServers, takeSharedServers } from './shared-servers.ts'
import type { ServersInUse } from './shared-servers.ts'
import { startServers } from './start-servers.ts'
import type { ServerOptions } from './start-servers.ts'

/** Options of a test database. Any server option gives it its own servers. */
export interface TestDatabaseOptions extends ServerOptions {
  /** Its servers are not shared: for tests that stop, fail, reconfigure or fill them, or need two histories. */
  readonly own?: boolean
  /** Name of the application database; `shop` by default. */
  readonly database?: string
  /** Passwords of the users that the migration creates; random by default. */
  readonly passwords?: Passwords
  /** Collections that the migration creates; `products` and `orders` by default. */
  readonly collections?: readonly string[]
  /** Whether the migration creates what messages need; not by default. */
  readonly messages?: boolean
}

/** Short names of the roles: `reader` for `freshet-reader`. */
export type Part = RoleName extends `freshet-${infer Name}` ? Name : never

/**
 * Opens an empty, migrated database of a real MongoDB with access control: on the server that test files share, or on its own,
 * which takes about a second to start, and some seconds for three nodes. Must be disposed:
 * `await using db = await openTestDatabase()`.
 */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const {
    database = 'shop',
    collections = ['products', 'orders'],
    passwords: provided = {},
    messages = false,
    own = false,
    ...servers
  } = options
  const shared = own || Object.keys(servers).length > 0 ? undefined : await takeSharedServers()
  const inUse = shared ?? ownServers(await startServers(servers))
  try {
    const { passwords } = await migrate({
      uri: inUse.rootUri,
      database,
      collections,
      messages,
      passwords: provided,
    })
    return new TestDatabase(inUse, database, passwords)
  } catch (error) {
    await inUse.close()
    throw error
  }
}

/** A running, migrated database, with methods to disturb it. */
export class TestDatabase implements AsyncDisposable {
  readonly database: string
  /** A client of the root user, with the driver's defaults. */
  readonly admin: MongoClient
  readonly #servers: ServersInUse
  readonly #passwords: Passwords
  /** Kept here because a killed server may lose its profiler entries. */
  readonly #writesOfReaders = new Set<string>()

  constructor(servers: ServersInUse, database: string, passwords: Passwords) {
    this.#servers = servers
    this.database = database
    this.#passwords = passwords
    this.admin = new MongoClient(this.adminUri)
  }

  /** Address with the root user. */
  get adminUri(): string {
    return this.#servers.rootUri
  }

  /** Port of the first server. */
  get port(): number {
    return this.#servers.ports()[0] ?? 0
  }

  /** @throws {Error} if they are shared with other test files. */
  get servers(): ReplicaSet {
    return this.#servers.own()
  }

  /** Address with the user of one role. */
  uriFor(part: Part): string {
    const user: RoleName = `freshet-${part}`
    const password = this.#passwords[user]
    if (password === undefined) throw new Error(`the migration created no user ${user}`)
    return withCredentials(this.adminUri, { user, password, database: this.database })
  }

  /** Enables a fail point on the primary; disposing disables it. */
  failPoint(name: string, mode: FailPointMode, data: Document = {}): Promise<AsyncDisposable> {
    return failPoint(this.admin, name, mode, data)
  }

  /** Makes the primary step down. Resolves when there is a primary again, possibly the same one. */
  async stepDown(): Promise<void> {
    this.#servers.own()
    const electionOf = async (): Promise<string> => {
      const { electionId } = await this.admin.db('admin').command({ hello: 1 }, { timeoutMS: 1_000 })
      if (electionId === undefined) throw new Error('there is no primary')
      return String(electionId)
    }
    const before = await electionOf()
    await this.admin.db('admin').command({ replSetStepDown: 1, secondaryCatchUpPeriodSecs: 0, force: true })
    await eventually(async () => {
      if ((await electionOf()) === before) throw new Error('still the old election')
    })
  }

  /** Restarts every server with the same data; `kill` is like a power failure. */
  async restart(how: 'orderly' | 'kill' = 'orderly'): Promise<void> {
    await this.stop(how)
    await this.start()
  }

  /** Stops every server and keeps the data. */
  async stop(how: 'orderly' | 'kill' = 'orderly'): Promise<void> {
    await this.writesOfReaders()
    await Promise.all(this.servers.members.map((member) => (how === 'kill' ? member.kill() : member.stop())))
  }

  /** Starts every server again after `stop`. Resolves when there is a primary. */
  async start(): Promise<void> {
    await Promise.all(this.servers.members.map((member) => member.start()))
    await eventually(() => this.admin.db('admin').command({ ping: 1 }))
  }

  /** Writes by users with a read role so far, according to all running servers. Should be empty. */
  async writesOfReaders(): Promise<readonly string[]> {
    const found = this.#servers.ports().map((port) => writesOfReaders(this.adminUri, port))
    for (const writes of await Promise.all(found))
      for (const write of writes) this.#writesOfReaders.add(write)
    return [...this.#writesOfReaders]
  }

  /** Stops the database. @throws {Error} if a user with a read role has written anything. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const writes = await this.writesOfReaders()
      if (writes.length > 0) throw new Error(`expected no writes by readers, got: ${writes.join('; ')}`)
    } finally {
      await this.admin.close()
      await this.#servers.close()
    }
  }
}
