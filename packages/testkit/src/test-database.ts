import { randomBytes } from 'node:crypto'
import { migrate, withCredentials } from '@freshet/migration'
import type { Passwords } from '@freshet/migration'
import { findMongod, startReplicaSet } from '@freshet/mongod'
import type { ReplicaSet, ReplicaSetOptions } from '@freshet/mongod'
import type { RoleName } from '@freshet/roles'
import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { eventually } from './eventually.ts'
import { failPoint } from './fail-point.ts'
import type { FailPointMode } from './fail-point.ts'
import { standardErrorLog } from './log.ts'
import { writesOfReaders, writtenByReaders } from './readers-write.ts'

/** What a test may ask of its database. Everything has a default. */
export interface TestDatabaseOptions extends Partial<
  Pick<
    ReplicaSetOptions,
    'nodes' | 'port' | 'oplogSizeMb' | 'checkpointSeconds' | 'cacheSizeGb' | 'setParameters'
  >
> {
  /** Name of the application database; `shop` by default. */
  readonly database?: string
  /** Of the users that the migration makes; those that are not given are random. */
  readonly passwords?: Passwords
  /** Made by the migration and open to the writer; `products` and `orders` by default. */
  readonly collections?: readonly string[]
}

/** The short names of the roles: `reader` for `freshet-reader`. */
export type Part = RoleName extends `freshet-${infer Name}` ? Name : never

/**
 * Starts a real MongoDB of its own for one test file, with access control on, and migrates it. About a second for one
 * node, some seconds for three. Dispose of it: `await using db = await openTestDatabase()`.
 */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { database = 'shop', collections = ['products', 'orders'], setParameters, ...others } = options
  const { passwords: given = {}, ...servers } = others
  const set = await startReplicaSet({
    mongod: await findMongod({ env: process.env, log: standardErrorLog }),
    root: { user: 'root', password: randomBytes(12).toString('base64url') },
    ...servers,
    profiled: writtenByReaders,
    // Fail points need it.
    setParameters: { enableTestCommands: 1, ...setParameters },
  })
  try {
    const { passwords } = await migrate({ uri: set.rootUri(), database, collections, passwords: given })
    return new TestDatabase(set, database, passwords)
  } catch (error) {
    await set.close()
    throw error
  }
}

/** A running, migrated database and the means to disturb it. */
export class TestDatabase implements AsyncDisposable {
  readonly database: string
  /** A connection of the root user, with the driver's defaults. */
  readonly admin: MongoClient
  readonly servers: ReplicaSet
  readonly #passwords: Passwords
  /** Lost with a server that loses its power, so it is kept here. */
  readonly #writesOfReaders = new Set<string>()

  constructor(servers: ReplicaSet, database: string, passwords: Passwords) {
    this.servers = servers
    this.database = database
    this.#passwords = passwords
    this.admin = new MongoClient(this.adminUri)
  }

  /** Address with the root user, who may do everything. */
  get adminUri(): string {
    return this.servers.rootUri()
  }

  /** Address with the user of one part, who may do what its role allows. */
  uriFor(part: Part): string {
    const user: RoleName = `freshet-${part}`
    const password = this.#passwords[user]
    if (password === undefined) throw new Error(`the migration made no user ${user}`)
    return withCredentials(this.adminUri, { user, password, database: this.database })
  }

  /** Switches a fail point of the primary on; disposing switches it off. */
  failPoint(name: string, mode: FailPointMode, data: Document = {}): Promise<AsyncDisposable> {
    return failPoint(this.admin, name, mode, data)
  }

  /** Makes the primary step down; settles when there is a primary again, perhaps the same one. */
  async stepDown(): Promise<void> {
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

  /** Stops every server and starts it again over the same data; `kill` as if the machine had lost its power. */
  async restart(how: 'orderly' | 'kill' = 'orderly'): Promise<void> {
    await this.stop(how)
    await this.start()
  }

  /** Stops every server and keeps the data, until `start`. */
  async stop(how: 'orderly' | 'kill' = 'orderly'): Promise<void> {
    await this.writesOfReaders()
    await Promise.all(this.servers.members.map((member) => (how === 'kill' ? member.kill() : member.stop())))
  }

  /** Starts every server again after `stop`; settles when there is a primary. */
  async start(): Promise<void> {
    await Promise.all(this.servers.members.map((member) => member.start()))
    await eventually(() => this.admin.db('admin').command({ ping: 1 }))
  }

  /** What users of a reading role wrote until now, by the word of every server that is up; empty, or something is wrong. */
  async writesOfReaders(): Promise<readonly string[]> {
    const up = this.servers.members.filter(({ pid }) => pid !== undefined)
    for (const writes of await Promise.all(up.map((member) => writesOfReaders(this.adminUri, member))))
      for (const write of writes) this.#writesOfReaders.add(write)
    return [...this.#writesOfReaders]
  }

  /** Ends it. @throws {Error} when a user of a reading role wrote anything in its life. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const writes = await this.writesOfReaders()
      if (writes.length > 0) throw new Error(`expected no write of a reader, got: ${writes.join('; ')}`)
    } finally {
      await this.admin.close()
      await this.servers.close()
    }
  }
}
