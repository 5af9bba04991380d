import { WireRecorder } from '@freshet/testkit'
import { GridFSBucket, MongoClient } from 'mongodb'
import type { Document, Timestamp } from 'mongodb'
import type { Target } from './attacks/attack.ts'
import { readingCommands } from './reading.ts'
import { TestServer } from './test-server.ts'
import { FakeWriter } from './fake-writer.ts'

/** A server with data, a recorder in front of it, and a check whether the data has changed. */
export class AttackBench implements AsyncDisposable {
  readonly #server: TestServer
  readonly #recorder: WireRecorder
  readonly #root: MongoClient
  readonly #writer: FakeWriter

  private constructor(server: TestServer, recorder: WireRecorder, root: MongoClient, writer: FakeWriter) {
    this.#server = server
    this.#recorder = recorder
    this.#root = root
    this.#writer = writer
  }

  static async open(): Promise<AttackBench> {
    // An attack that succeeds must not damage a server of other tests.
    const server = await TestServer.open({ accessControl: true, own: true })
    const recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
    const root = new MongoClient(server.uri('root'))
    const app = root.db('app')
    await app.collection<{ _id: number; a: number }>('docs').insertMany([
      { _id: 1, a: 1 },
      { _id: 2, a: 2 },
    ])
    await app.collection('docs').createIndex({ b: 1 })
    await app.createCollection('view', { viewOn: 'docs', pipeline: [] })
    // Test servers record only what readers write; here everything is recorded.
    await app.command({ profile: 2, filter: { op: { $exists: true } } })
    return new AttackBench(server, recorder, root, await FakeWriter.open())
  }

  /** The address of the recorder in front of the server. */
  uri(user: string): string {
    return this.#server.uri(user, this.#recorder.port)
  }

  /** The URL of the fake writer. */
  get writer(): string {
    return this.#writer.url
  }

  /** Everything in the database that an attack could change, as text. */
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
   * Runs one attack and returns what it sent other than reads, to the database or to the writer. Requires a client with
   * one connection: requests that the attack did not wait for have been sent once the ping behind them returns.
   */
  async writesSeen(
    client: MongoClient,
    attack: (target: Target) => Promise<unknown>,
    user = 'reader',
    call: typeof fetch = fetch,
  ): Promise<Outcome> {
    const before = this.#recorder.commands.length
    const cameBefore = this.#writer.came
    const error = await attack(
      targetOf({ client, uri: this.uri(user), writer: this.#writer.url, fetch: call }),
    ).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    await client.db('app').command({ ping: 1 })
    const seen = this.#recorder.commands.slice(before)
    const writes = seen.filter(({ name, body }) => !isRead(name, body)).map(({ name }) => name)
    return { error, writes: this.#writer.came > cameBefore ? [...writes, 'POST'] : writes }
  }

  /** The latest operation, for {@link written}. */
  async now(): Promise<Timestamp> {
    const { operationTime } = await this.#root.db('admin').command({ ping: 1 })
    return operationTime
  }

  /** Data changes since `since`, according to the server's oplog. */
  async written(since: Timestamp): Promise<readonly string[]> {
    const oplog = this.#root.db('local').collection('oplog.rs')
    // The server writes sessions and transactions to `config` for its own use; profiler entries are not in the oplog.
    const entries = await oplog
      .find({ ts: { $gt: since }, op: { $in: ['i', 'u', 'd', 'c'] }, ns: { $not: /^config\./ } })
      .toArray()
    return entries.map(({ op, ns }) => `${op} ${ns}`)
  }

  /** Commands of a user other than reads that the server executed, according to its profiler. */
  async done(user: string): Promise<readonly string[]> {
    const lines = await this.#root
      .db('app')
      .collection('system.profile')
      .find({ user: `${user}@admin`, errCode: { $exists: false } })
      .toArray()
    return lines
      .map(({ op, command = {} }) => {
        // The profiler shows write statements without their command.
        const statement = op === 'insert' || op === 'update' || op === 'remove'
        return { name: statement ? op : (Object.keys(command)[0] ?? ''), body: command }
      })
      .filter(({ name, body }) => !isRead(name, body))
      .map(({ name }) => name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.close()
    await this.#writer[Symbol.asyncDispose]()
    await this.#recorder[Symbol.asyncDispose]()
    await this.#server[Symbol.asyncDispose]()
  }
}

/** How an attack ended. */
export interface Outcome {
  readonly error: unknown
  /** Names of the commands on the wire other than reads, and `POST` if the writer received a request. */
  readonly writes: readonly string[]
}

function targetOf({ client, ...rest }: Pick<Target, 'client' | 'uri' | 'writer' | 'fetch'>): Target {
  const db = client.db('app')
  return {
    client,
    db,
    docs: db.collection('docs'),
    admin: db.admin(),
    files: new GridFSBucket(db),
    ...rest,
  }
}

const reads: ReadonlySet<string> = new Set(readingCommands)

/** The tests' own definition of a read, which shares nothing with the code under test. */
function isRead(name: string, body: Document): boolean {
  return reads.has(name) && !/"\$(out|merge|function|accumulator|where)"/.test(JSON.stringify(body))
}
