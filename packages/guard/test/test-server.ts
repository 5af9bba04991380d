import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMongod } from '@freshet/mongod'
import { messageRolesOf, rolesOf } from '@freshet/roles'
import { MongoClient } from 'mongodb'
import { KeptLog, ownServers, startServers, takeSharedServers } from '@freshet/testkit'

/**
 * A real server with one user for each role, whose password is its name. `root` has all privileges. With access control it
 * is the server that the test files of a Jest worker share, unless that is in use or `own` is set.
 */
export class TestServer implements AsyncDisposable {
  readonly port: number
  readonly #rootPassword: string
  readonly #stop: () => Promise<void>

  private constructor({ port, rootPassword, stop }: Running) {
    this.port = port
    this.#rootPassword = rootPassword
    this.#stop = stop
  }

  /** With access control, root may also make commands fail on purpose. */
  static async open({
    accessControl,
    own = false,
  }: {
    accessControl: boolean
    own?: boolean
  }): Promise<TestServer> {
    const server = new TestServer(accessControl ? await startGuarded(own) : await startOpen())
    await server.#makeUsers(accessControl)
    return server
  }

  /** The address for `user`, or without a user; through `port` if there is a proxy. */
  uri(user?: string, port: number = this.port): string {
    const password = user === 'root' ? this.#rootPassword : user
    return `mongodb://${user === undefined ? '' : `${user}:${password}@`}127.0.0.1:${port}/?directConnection=true`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }

  async #makeUsers(accessControl: boolean): Promise<void> {
    await using client = new MongoClient(this.uri(accessControl ? 'root' : undefined))
    const admin = client.db('admin')
    // The deployed roles, so that the results apply to production.
    for (const { database, name, privileges } of [...rolesOf('app', ['docs']), ...messageRolesOf('app')]) {
      await client.db(database).command({ createRole: name, privileges, roles: [] })
    }
    for (const name of ['reader', 'writer', 'auditor']) {
      await admin.command({ createUser: name, pwd: name, roles: [{ role: `freshet-${name}`, db: 'app' }] })
    }
    const ofMessages = (name: string) => ({ role: `freshet-${name}`, db: 'app_messages' })
    await admin.command({ createUser: 'delivery', pwd: 'delivery', roles: [ofMessages('delivery')] })
    const historian = [{ role: 'freshet-reader', db: 'app' }, ofMessages('reader')]
    await admin.command({ createUser: 'historian', pwd: 'historian', roles: historian })
    await admin.command({ createUser: 'builtin', pwd: 'builtin', roles: [{ role: 'read', db: 'app' }] })
    // A user with a built-in role, as many services have.
    const careless = { createUser: 'careless', pwd: 'careless', roles: [{ role: 'readWrite', db: 'app' }] }
    await admin.command(careless)
    await admin.command({ createUser: 'everywhere', pwd: 'everywhere', roles: ['readAnyDatabase'] })
    // Users that can read this database, and others too.
    for (const [user, db, collection] of [
      ['elsewhere', 'other', ''],
      ['hashes', 'admin', 'system.users'],
      ['oplog', 'local', 'oplog.rs'],
    ] as const) {
      const privileges = [{ resource: { db, collection }, actions: ['find'] }]
      await admin.command({ createRole: user, privileges, roles: [] })
      const roles = [{ role: 'freshet-reader', db: 'app' }, user]
      await admin.command({ createUser: user, pwd: user, roles })
    }
  }
}

interface Running {
  readonly port: number
  readonly rootPassword: string
  readonly stop: () => Promise<void>
}

async function startGuarded(own: boolean): Promise<Running> {
  const shared = own ? undefined : await takeSharedServers()
  const servers = shared ?? ownServers(await startServers())
  const { password } = new URL(servers.rootUri)
  const [port] = servers.ports()
  if (port === undefined) throw new Error('a replica set without a member')
  return { port, rootPassword: password, stop: () => servers.close() }
}

/** A server without access control, which a guard must detect. Nothing else starts one. */
async function startOpen(): Promise<Running> {
  const { binary } = await findMongod({ env: process.env, log: new KeptLog() })
  const folder = await mkdtemp(join(tmpdir(), 'guard-'))
  const port = await freePort()
  const mongod = spawn(binary, ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1'], {
    stdio: 'ignore',
  })
  return {
    port,
    rootPassword: 'root',
    stop: async () => {
      mongod.kill('SIGKILL')
      await once(mongod, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
