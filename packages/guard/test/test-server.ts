import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'

/** A real server with access control and one user for each of these; the password is the name. */
export class TestServer implements AsyncDisposable {
  readonly port: number
  readonly #stop: () => Promise<void>

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port
    this.#stop = stop
  }

  static async open({ accessControl }: { accessControl: boolean }): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), 'guard-'))
    const port = await freePort()
    await writeFile(join(folder, 'key'), 'k'.repeat(64), { mode: 0o600 })
    const binary = process.env['MONGOMS_SYSTEM_BINARY'] ?? 'mongod'
    const place = ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', 'rs']
    const mongod = spawn(binary, [...place, ...(accessControl ? ['--keyFile', join(folder, 'key')] : [])], {
      stdio: 'ignore',
    })
    await initiate(port)
    return new TestServer(port, async () => {
      mongod.kill('SIGKILL')
      await once(mongod, 'exit')
      await rm(folder, { recursive: true, force: true })
    })
  }

  /** The address for `user`, or for nobody; through `port` if a proxy stands in between. */
  uri(user?: string, port: number = this.port): string {
    return `mongodb://${user === undefined ? '' : `${user}:${user}@`}127.0.0.1:${port}/?directConnection=true`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function initiate(port: number): Promise<void> {
  await using client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`)
  const admin = client.db('admin')
  await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })
  while ((await admin.command({ hello: 1 }))['isWritablePrimary'] !== true) await sleep(20)
  await admin.command({ createUser: 'root', pwd: 'root', roles: ['root'] })
  await using root = new MongoClient(`mongodb://root:root@127.0.0.1:${port}/?directConnection=true`)
  const command = root.db('admin')
  const resource = { db: 'app', collection: '' }
  const roles = {
    reader: ['find', 'changeStream', 'listCollections'],
    writer: ['find', 'insert', 'update', 'remove'],
  }
  for (const [name, actions] of Object.entries(roles)) {
    await command.command({ createRole: `freshet-${name}`, privileges: [{ resource, actions }], roles: [] })
    await command.command({ createUser: name, pwd: name, roles: [`freshet-${name}`] })
  }
  await command.command({ createUser: 'builtin', pwd: 'builtin', roles: [{ role: 'read', db: 'app' }] })
  await command.command({ createUser: 'everywhere', pwd: 'everywhere', roles: ['readAnyDatabase'] })
}
