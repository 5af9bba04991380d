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

test('R.9 closes when its server is no longer the primary', async () => {
  const replies = waiting(await pin())
  await eventually(() => expect(recorder.commands.at(-1)?.name).toBe('getMore'))
  await root.db('admin').command({ replSetStepDown: 1, secondaryCatchUpPeriodSecs: 0, force: true })
  expect(await replies).toMatchObject({ code: 'UNREACHABLE', message: expect.stringContaining('no longer') })
})
