import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WireRecorder } from '@freshet/testkit'
import { Long, MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { openReadConnection, serverOf } from '../src/index.ts'
import type { GuardedConnection, Refusal } from '../src/index.ts'
import { KeptLog } from '@freshet/testkit'
import { TestServer } from './test-server.ts'

let server: TestServer
let recorder: WireRecorder
let connection: GuardedConnection
const log = new KeptLog()
const heard: Refusal[] = []

beforeAll(async () => {
  server = await TestServer.open({ accessControl: true })
  recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using root = new MongoClient(server.uri('root'))
  const docs = Array.from({ length: 10 }, (_, a) => ({ _id: a, a }))
  await root.db('app').collection<{ _id: number; a: number }>('docs').insertMany(docs)
  connection = await openReadConnection({
    uri: server.uri('reader', recorder.port),
    database: 'app',
    appName: 'test',
    log,
    onRefusal: (refusal) => heard.push(refusal),
  })
})
afterAll(async () => {
  await connection.close()
  await recorder[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const sent = (name: string): readonly Document[] =>
  recorder.commands.filter((seen) => seen.name === name).map(({ body }) => body)

test('R.1 resolves with the whole reply, with raw documents on request', async () => {
  const reply = await connection.run({ find: 'docs', filter: { _id: 3 } }, { raw: 'batches' })
  expect(reply['operationTime']).toBeDefined()
  const [document] = reply['cursor'].firstBatch
  expect(document).toBeInstanceOf(Uint8Array)
  expect(document.length).toBe(new DataView(document.buffer, document.byteOffset).getInt32(0, true))
})

test('R.2 cursor ids are Longs in replies, and are sent as Longs whatever their type', async () => {
  const session = connection.openSession()
  const reply = await connection.run({ find: 'docs', batchSize: 2 }, { session })
  expect(reply['cursor'].id).toBeInstanceOf(Long)
  const next = await connection.run(
    { getMore: reply['cursor'].id, collection: 'docs', batchSize: 2 },
    { session },
  )
  expect(next['cursor'].nextBatch).toHaveLength(2)
  // Only about one id in a thousand is below 2^53, where the driver returns a number, so the test sends numbers itself.
  // For a double or a 32-bit number the server would answer TypeMismatch (14); for an unknown 64-bit one, 43.
  for (const id of [5, 5_000_000_000, 5n, Long.fromNumber(5)]) {
    await expect(connection.run({ getMore: id, collection: 'docs' }, { session })).rejects.toMatchObject({
      code: 43,
    })
  }
  // The driver alone sends the value unchanged, so this rule is what keeps a cursor alive.
  await using plain = new MongoClient(server.uri('reader'))
  await expect(plain.db('app').command({ getMore: 5, collection: 'docs' })).rejects.toMatchObject({
    code: 14,
  })
  const killed = await connection.run({ killCursors: 'docs', cursors: [5, reply['cursor'].id] }, { session })
  expect(killed).toMatchObject({ ok: 1, cursorsNotFound: [5] })
  const last = await connection.run({ find: 'docs', limit: 1 })
  expect(last['cursor'].id).toEqual(Long.ZERO)
  await connection.endSession(session)
})

test('R.3 commands of one session have one id and no afterClusterTime; an ended session is an error', async () => {
  const before = sent('find').length
  const session = connection.openSession()
  await connection.run({ find: 'docs' }, { session })
  await connection.run({ find: 'docs', readConcern: { level: 'majority' } }, { session })
  const [first, second] = sent('find').slice(before)
  expect(second?.['lsid']).toEqual(first?.['lsid'])
  expect(second?.['readConcern']).toEqual({ level: 'majority' })
  await connection.endSession(session)
  await expect(connection.run({ find: 'docs' }, { session })).rejects.toThrow('this session has ended')
})

test('R.4 gives up when a reply is late or the caller has cancelled, and the connection remains usable', async () => {
  const session = connection.openSession()
  const waitOnServer = async () => {
    const stream = { aggregate: 1 as const, pipeline: [{ $changeStream: {} }], cursor: {} }
    const { cursor } = await connection.run(stream, { session })
    return { getMore: cursor.id, collection: '$cmd.aggregate', maxTimeMS: 20_000 }
  }
  const wait = await waitOnServer()
  await expect(connection.run(wait, { session, timeoutMs: 50 })).rejects.toMatchObject({
    code: 'REPLY_TIMEOUT',
    retry: true,
  })
  const gone = new AbortController()
  const waiting = connection.run(wait, { signal: gone.signal, timeoutMs: 20_000 })
  gone.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  await expect(connection.run(wait, { signal: gone.signal })).rejects.toThrow('gone')
  const signal = AbortSignal.timeout(50)
  const late: unknown = await connection
    .run(await waitOnServer(), { session, signal })
    .catch((error: unknown) => error)
  expect(late).toBe(signal.reason)
  expect(await connection.run({ ping: 1 })).toMatchObject({ ok: 1 })
  await connection.endSession(session)
})

async function someWriting(reads: GuardedConnection): Promise<unknown> {
  // @ts-expect-error it does not compile either
  return await reads.run({ insert: 'docs', documents: [] })
}

async function someMerging(reads: GuardedConnection): Promise<unknown> {
  // @ts-expect-error nor does a stage that writes
  return await reads.run({ aggregate: 'docs', pipeline: [{ $out: 'x' }], cursor: {} })
}

async function someCareless(reads: GuardedConnection): Promise<unknown> {
  return await reads.run({ find: 'docs', filter: { $where: '1' } })
}

test('G1.6 R.5 refuses what is not a read before the driver sees it; counts it, logs it with its stack, notifies the listener', async () => {
  const before = recorder.commands.length
  const refused = { code: 'WRITE_REFUSED' }
  await expect(someWriting(connection)).rejects.toMatchObject(refused)
  await expect(someMerging(connection)).rejects.toMatchObject(refused)
  await expect(someCareless(connection)).rejects.toMatchObject(refused)
  expect(connection.status().refusals).toEqual({ command: 1, database: 0, message: 0, name: 2 })
  expect(heard.map(({ what }) => what)).toEqual(['insert', '$out', '$where'])
  const lines = log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)
  // The caller is identified, whether the refusal came at once or just before the bytes were sent.
  expect(lines.at(0)).toMatchObject({
    reason: 'command',
    what: 'insert',
    stack: expect.stringContaining('someWriting'),
  })
  expect(lines.at(-1)).toMatchObject({
    reason: 'name',
    what: '$where',
    stack: expect.stringContaining('someCareless'),
  })
  await connection.run({ ping: 1 })
  expect(
    recorder.commands.slice(before).filter(({ name }) => !['ping', 'hello', 'ismaster'].includes(name)),
  ).toEqual([])
})

test("R.6 nothing that is returned leads to the driver's client", async () => {
  const session = connection.openSession()
  const reply = await connection.run({ find: 'docs' }, { session })
  const error: unknown = await connection
    .run({ find: 'docs', filter: { $nonsense: 1 } })
    .catch((reason: unknown) => reason)
  const names = reachable([connection, session, reply, error])
  const driver = [
    'MongoClient',
    'Db',
    'Collection',
    'Topology',
    'ClientSession',
    'Connection',
    'VetoingConnection',
  ]
  expect(driver.filter((name) => names.has(name))).toEqual([])
  // Negative control: the search does find the client where there is a path to it.
  await using client = new MongoClient(server.uri())
  expect(reachable([client.db('app').collection('docs')]).has('MongoClient')).toBe(true)
})

/** The names of all classes reachable through properties, including hidden ones, symbols and prototypes. */
function reachable(roots: readonly unknown[]): ReadonlySet<string> {
  const seen = new Set<unknown>()
  const names = new Set<string>()
  const queue = [...roots]
  while (queue.length > 0) {
    const value = queue.pop()
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) queue.push(Object.getOwnPropertyDescriptor(value, key)?.value)
    const prototype: unknown = Object.getPrototypeOf(value)
    queue.push(prototype)
    if (typeof prototype === 'object' && prototype !== null) names.add(prototype.constructor.name)
  }
  return names
}

test('R.7 a reply reports which server process sent it, also with concurrent replies, and when it is copied', async () => {
  const replies = await Promise.all(
    Array.from({ length: 5 }, (_, n) => connection.run(n % 2 === 0 ? { hello: 1 } : { ping: 1 })),
  )
  const [hello] = replies
  const server = String(hello?.['topologyVersion'].processId)
  expect(server).toMatch(/^[0-9a-f]{24}$/)
  expect(replies.map((reply) => serverOf({ ...reply }))).toEqual(replies.map(() => server))
  expect(serverOf({})).toBeUndefined()
})
