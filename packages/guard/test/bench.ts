import { GridFSBucket, MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { allowedCommands } from '../src/allowed-commands.ts'
import type { Target } from './attacks/attack.ts'
import { TestServer } from './test-server.ts'
import { WireRecorder } from './wire-recorder.ts'

/** A server with something to lose, a recorder in front of it, and an eye on whether anything was lost. */
export class AttackBench implements AsyncDisposable {
  readonly #server: TestServer
  readonly #recorder: WireRecorder
  readonly #root: MongoClient

  private constructor(server: TestServer, recorder: WireRecorder, root: MongoClient) {
    this.#server = server
    this.#recorder = recorder
    this.#root = root
  }

  static async open(): Promise<AttackBench> {
    const server = await TestServer.open({ accessControl: true })
    const recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
    const root = new MongoClient(server.uri('root'))
    const app = root.db('app')
    await app.collection<{ _id: number; a: number }>('docs').insertMany([
      { _id: 1, a: 1 },
      { _id: 2, a: 2 },
    ])
    await app.collection('docs').createIndex({ b: 1 })
    await app.createCollection('view', { viewOn: 'docs', pipeline: [] })
    return new AttackBench(server, recorder, root)
  }

  /** The address of the recorder, which stands before the server. */
  uri(user: string): string {
    return this.#server.uri(user, this.#recorder.port)
  }

  /** Everything of the database that an attack could change, as text. */
  async fingerprint(): Promise<string> {
    const admin = this.#root.db('admin')
    const parts = [
      await this.#root.db('app').command({ dbHash: 1 }),
      await admin.command({ listDatabases: 1, nameOnly: true }),
      await admin.command({ usersInfo: 1 }),
      await admin.command({ rolesInfo: 1 }),
      await this.#root.db('app').command({ listCollections: 1 }),
      await this.#root.db('app').command({ listIndexes: 'docs' }),
      await this.#root.db('app').command({ profile: -1 }),
    ]
    // Times differ from call to call and mean nothing here.
    const times = new Set(['$clusterTime', 'operationTime', 'timeMillis'])
    return JSON.stringify(parts, (key, value: unknown) => (times.has(key) ? undefined : value))
  }

  /**
   * Runs one attack and tells what it sent that is no read. Wants a client with one connection: what the attack did not
   * wait for has then passed when the ping behind it has.
   */
  async writesSeen(client: MongoClient, attack: (target: Target) => Promise<unknown>): Promise<Outcome> {
    const before = this.#recorder.commands.length
    const error = await attack(targetOf(client)).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    await client.db('app').command({ ping: 1 })
    const seen = this.#recorder.commands.slice(before)
    return { error, writes: seen.filter(({ name, body }) => !isRead(name, body)).map(({ name }) => name) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.close()
    await this.#recorder[Symbol.asyncDispose]()
    await this.#server[Symbol.asyncDispose]()
  }
}

/** How an attack ended. */
export interface Outcome {
  readonly error: unknown
  /** Names of the commands on the wire that were not reads. */
  readonly writes: readonly string[]
}

function targetOf(client: MongoClient): Target {
  const db = client.db('app')
  return { client, db, docs: db.collection('docs'), admin: db.admin(), files: new GridFSBucket(db) }
}

/** The tests' own idea of a read; only the list of command names is shared with the code under test. */
function isRead(name: string, body: Document): boolean {
  return allowedCommands.has(name) && !/"\$(out|merge|function|accumulator|where)"/.test(JSON.stringify(body))
}
