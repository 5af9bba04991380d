import { WireRecorder } from '@freshet/testkit'
import { GridFSBucket, MongoClient } from 'mongodb'
import type { Document, Timestamp } from 'mongodb'
import type { Target } from './attacks/attack.ts'
import { readingCommands } from './reading.ts'
import { TestServer } from './test-server.ts'
import { WriterDoor } from './writer-door.ts'

/** A server with something to lose, a recorder in front of it, and an eye on whether anything was lost. */
export class AttackBench implements AsyncDisposable {
  readonly #server: TestServer
  readonly #recorder: WireRecorder
  readonly #root: MongoClient
  readonly #writer: WriterDoor

  private constructor(server: TestServer, recorder: WireRecorder, root: MongoClient, writer: WriterDoor) {
    this.#server = server
    this.#recorder = recorder
    this.#root = root
    this.#writer = writer
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
    await app.command({ profile: 2 })
    return new AttackBench(server, recorder, root, await WriterDoor.open())
  }

  /** The address of the recorder, which stands before the server. */
  uri(user: string): string {
    return this.#server.uri(user, this.#recorder.port)
  }

  /** Where the writer would be asked. */
  get writer(): string {
    return this.#writer.url
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
   * Runs one attack and tells what it sent that is no read, to the database or to the writer. Wants a client with one
   * connection: what the attack did not wait for has then passed when the ping behind it has.
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

  /** The newest operation now, for {@link written}. */
  async now(): Promise<Timestamp> {
    const { operationTime } = await this.#root.db('admin').command({ ping: 1 })
    return operationTime
  }

  /** What the server itself wrote down as changes of data since `since`: its log for the other members. */
  async written(since: Timestamp): Promise<readonly string[]> {
    const oplog = this.#root.db('local').collection('oplog.rs')
    // Sessions and transactions are kept in `config` by the server for its own use; the profiler's lines are not logged.
    const entries = await oplog
      .find({ ts: { $gt: since }, op: { $in: ['i', 'u', 'd', 'c'] }, ns: { $not: /^config\./ } })
      .toArray()
    return entries.map(({ op, ns }) => `${op} ${ns}`)
  }

  /** Commands of a user that the server carried out and that were no reads, by its profiler. */
  async done(user: string): Promise<readonly string[]> {
    const lines = await this.#root
      .db('app')
      .collection('system.profile')
      .find({ user: `${user}@admin`, errCode: { $exists: false } })
      .toArray()
    return lines
      .map(({ op, command = {} }) => {
        // A statement of a write is shown without its command.
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
  /** Names of the commands on the wire that were not reads, and `POST` if the writer was asked. */
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

/** The tests' own idea of a read; nothing of it is shared with the code under test. */
function isRead(name: string, body: Document): boolean {
  return reads.has(name) && !/"\$(out|merge|function|accumulator|where)"/.test(JSON.stringify(body))
}
