import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, KeptLog, WireRecorder } from '@freshet/testkit'
import { Long, MongoClient } from 'mongodb'
import { openReadConnection, serverOf } from '../src/index.ts'
import type { GuardedConnection, PinnedConnection } from '../src/index.ts'
import { TestServer } from './test-server.ts'

let server: TestServer
let recorder: WireRecorder
let root: MongoClient
let connection: GuardedConnection
const never = new AbortController().signal
const timeoutMs = 10_000

beforeAll(async () => {
  server = await TestServer.open({ accessControl: true, own: true })
  recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  root = new MongoClient(server.uri('root'))
  await root
    .db('app')
    .collection('docs')
    .insertMany(Array.from({ length: 10 }, (_, a) => ({ a })))
  connection = await openReadConnection({
    uri: server.uri('reader', recorder.port),
    database: 'app',
    appName: 'test',
    log: new KeptLog(),
    maxPoolSize: 2,
  })
})
afterAll(async () => {
  await connection.close()
  await root.close()
  await recorder[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const pin = (signal = never): Promise<PinnedConnection> => connection.pin({ timeoutMs, signal })

/** Waits on the server for changes. */
async function waiting(pinned: PinnedConnection, withinMs = timeoutMs): Promise<unknown> {
  const opened = await pinned.run(
    { aggregate: 1, pipeline: [{ $changeStream: {} }], cursor: {} },
    { timeoutMs },
  )
  const wait = { getMore: opened['cursor'].id, collection: '$cmd.aggregate', maxTimeMS: 20_000 }
  return await pinned.run(wait, { timeoutMs: withinMs }).catch((error: unknown) => error)
}

test('R.9 runs the commands of a cursor on one connection, with raw documents and 64-bit ids', async () => {
  const pinned = await pin()
  const how = { raw: 'batches', timeoutMs } as const
  const first = await pinned.run({ find: 'docs', batchSize: 2 }, how)
  const next = await pinned.run({ getMore: first['cursor'].id, collection: 'docs', batchSize: 3 }, how)
  expect(first['cursor'].id).toBeInstanceOf(Long)
  expect(next['cursor'].nextBatch).toHaveLength(3)
  for (const document of next['cursor'].nextBatch) {
    expect(document).toBeInstanceOf(Uint8Array)
    expect(document.length).toBe(new DataView(document.buffer, document.byteOffset).getInt32(0, true))
  }
  expect(serverOf(next)).toBe(serverOf(await connection.run({ ping: 1 })))
  await expect(pinned.run({ getMore: 5, collection: 'docs' }, { timeoutMs })).rejects.toMatchObject({
    code: 43,
  })
  pinned.close()
})

test('R.9 G1.6 refuses what is not a read, and remains usable', async () => {
  const pinned = await pin()
  const before = recorder.commands.length
  // @ts-expect-error it does not compile either
  await expect(pinned.run({ insert: 'docs', documents: [] }, { timeoutMs })).rejects.toMatchObject({
    code: 'WRITE_REFUSED',
  })
  const hidden = { find: 'docs', filter: { $where: '1' } }
  await expect(pinned.run(hidden, { timeoutMs })).rejects.toMatchObject({ code: 'WRITE_REFUSED' })
  const sent = recorder.commands.slice(before).map(({ name }) => name)
  expect(sent.filter((name) => name === 'insert' || name === 'find')).toEqual([])
  expect(await pinned.run({ ping: 1 }, { timeoutMs })).toMatchObject({ ok: 1 })
  pinned.close()
})

test('R.9 takes one command at a time', async () => {
  const pinned = await pin()
  const first = pinned.run({ ping: 1 }, { timeoutMs })
  await expect(pinned.run({ ping: 1 }, { timeoutMs })).rejects.toThrow('one command at a time')
  expect(await first).toMatchObject({ ok: 1 })
  pinned.close()
})

test('R.9 closes when a reply is late, when the signal aborts and when told to; then nothing is sent', async () => {
  const late = await pin()
  expect(await waiting(late, 50)).toMatchObject({ code: 'REPLY_TIMEOUT' })
  await expect(late.run({ ping: 1 }, { timeoutMs })).rejects.toMatchObject({ code: 'REPLY_TIMEOUT' })

  const aborting = new AbortController()
  const aborted = waiting(await pin(aborting.signal))
  await eventually(() => expect(recorder.commands.at(-1)?.name).toBe('getMore'))
  aborting.abort(new Error('gone'))
  expect(await aborted).toMatchObject({ message: 'gone' })
  await expect(pin(aborting.signal)).rejects.toThrow('gone')

  const closed = await pin()
  closed.close()
  await expect(closed.run({ ping: 1 }, { timeoutMs })).rejects.toMatchObject({ code: 'UNREACHABLE' })
})

test('R.9 counts towards the pool, which gets its place back', async () => {
  for (let round = 0; round < 3; round++) {
    const [one, two] = [await pin(), await pin()]
    await expect(connection.pin({ timeoutMs: 50, signal: never })).rejects.toMatchObject({
      code: 'REPLY_TIMEOUT',
    })
    one.close()
    expect(await connection.run({ ping: 1 })).toMatchObject({ ok: 1 })
    two.close()
  }
})

/** Forwards to the server, and alters replies on request. */
class Wire implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  alter: (reply: Buffer) => readonly Buffer[] = (reply) => [reply]

  constructor(port: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1')
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.setNoDelay(true)
        socket.on('error', () => undefined)
      }
      client.pipe(upstream)
      let sent = Promise.resolve()
      upstream.on('data', (reply: Buffer) => {
        const pieces = this.alter(reply)
        sent = sent.then(() => this.#send(client, pieces))
      })
      upstream.on('close', () => client.destroy())
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async #send(client: Socket, pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      client.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A pinned connection through a wire. */
async function openWired(): Promise<
  { readonly wire: Wire; readonly pinned: PinnedConnection } & AsyncDisposable
> {
  const wire = new Wire(server.port)
  await wire.listen()
  const own = await openReadConnection({
    uri: server.uri('reader', wire.port),
    database: 'app',
    appName: 'wired',
    log: new KeptLog(),
  })
  const pinned = await own.pin({ timeoutMs, signal: never })
  const close = async (): Promise<void> => {
    await own.close()
    await wire[Symbol.asyncDispose]()
  }
  return { wire, pinned, [Symbol.asyncDispose]: close }
}

test('R.9 replies may come in any pieces', async () => {
  await using wired = await openWired()
  const texts = Array.from({ length: 200 }, (_, n) => String(n).repeat(500))
  await root
    .db('app')
    .collection('long')
    .insertMany(texts.map((text) => ({ text })))
  for (const size of [1, 3, 17, 1_000]) {
    wired.wire.alter = (reply) => [
      ...Array.from({ length: 20 }, (_, n) => reply.subarray(n * size, (n + 1) * size)),
      reply.subarray(20 * size),
    ]
    const found = await wired.pinned.run(
      { find: 'long', batchSize: 200, projection: { _id: 0 } },
      { timeoutMs },
    )
    expect(found['cursor'].firstBatch).toEqual(texts.map((text) => ({ text })))
  }
})

test.each<[string, (reply: Buffer) => Buffer]>([
  ['has more than one message', (reply) => Buffer.concat([reply, reply])],
  ['replies to another request', (reply) => withInt32(reply, 8, 77_777)],
  ['announces further replies', (reply) => withInt32(reply, 16, 2)],
  ['is of another kind', (reply) => withInt32(reply, 12, 2012)],
  ['is longer than any message', (reply) => withInt32(reply, 0, 48_000_001)],
  ['has no length', (reply) => withInt32(reply, 0, 0)],
  ['is not BSON', (reply) => withInt32(reply, 25, -1)],
  ['has a flag that must not be ignored', (reply) => withInt32(reply, 16, 4)],
  ['starts with a sequence of documents', (reply) => withByte(reply, 20, 1)],
  ['has another section', (reply) => withLength(Buffer.concat([reply, Buffer.from([0, 5, 0, 0, 0, 0])]))],
  ['ends before its document', (reply) => withInt32(reply, 21, reply.readInt32LE(21) + 1)],
])('R.9 what %s is an error, and nothing else is taken for the reply', async (_, alter) => {
  await using wired = await openWired()
  wired.wire.alter = (reply) => [alter(reply)]
  const error: unknown = await wired.pinned.run({ ping: 1 }, { timeoutMs }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  wired.wire.alter = (reply) => [reply]
  const next: unknown = await wired.pinned.run({ ping: 1 }, { timeoutMs }).catch((reason: unknown) => reason)
  expect(next).toBeInstanceOf(Error)
})

test('R.9 a reply may have a checksum', async () => {
  await using wired = await openWired()
  wired.wire.alter = (reply) => [withLength(withInt32(Buffer.concat([reply, Buffer.alloc(4)]), 16, 1))]
  expect(await wired.pinned.run({ ping: 1 }, { timeoutMs })).toMatchObject({ ok: 1 })
})

function withByte(message: Buffer, at: number, value: number): Buffer {
  const other = Buffer.from(message)
  other[at] = value
  return other
}

const withLength = (message: Buffer): Buffer => withInt32(message, 0, message.length)

function withInt32(message: Buffer, at: number, value: number): Buffer {
  const other = Buffer.from(message)
  other.writeInt32LE(value, at)
  return other
}

/** Servers are found as in production, and monitored as on platforms where the driver only polls. */
const asSet = (): string =>
  `${server.uri('reader').replace('directConnection=true', 'replicaSet=freshet')}&serverMonitoringMode=poll`

const openAt = (uri: string): Promise<GuardedConnection> =>
  openReadConnection({ uri, database: 'app', appName: 'test', log: new KeptLog(), maxPoolSize: 2 })

test('R.9 R.10 closes when its server is no longer the primary, and no other is opened there', async () => {
  const inSet = await openAt(asSet())
  const replies = waiting(await inSet.pin({ timeoutMs, signal: never }))
  const other = await inSet.pin({ timeoutMs, signal: never })
  // Its turn comes when those two are closed.
  const later = inSet.pin({ timeoutMs, signal: never }).catch((error: unknown) => error)
  const direct = await pin()
  await root.db('admin').command({ replSetStepDown: 60, secondaryCatchUpPeriodSecs: 0, force: true })
  const closed = { code: 'UNREACHABLE', message: expect.stringContaining('no longer the primary') }
  expect(await replies).toMatchObject(closed)
  expect(await later).toMatchObject(closed)
  await expect(other.run({ ping: 1 }, { timeoutMs })).rejects.toMatchObject(closed)
  await eventually(() => expect(direct.run({ ping: 1 }, { timeoutMs })).rejects.toMatchObject(closed))
  const secondary = { code: 'UNREACHABLE', message: expect.stringContaining('expected the primary') }
  await expect(pin()).rejects.toMatchObject(secondary)
  await expect(connection.run({ ping: 1 })).rejects.toMatchObject(secondary)
  await root.db('admin').command({ replSetFreeze: 0 })
  await eventually(() => expect(connection.run({ ping: 1 })).resolves.toMatchObject({ ok: 1 }))
  await inSet.close()
})
