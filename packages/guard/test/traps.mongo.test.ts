import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WireRecorder } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import { vetoingClient } from '../src/client.ts'
import { KeptLog } from './support.ts'
import { TestServer } from './test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.open({ accessControl: true })
  await using root = new MongoClient(server.uri('root'))
  await root.db('app').collection('docs').insertOne({ a: 1 })
})
afterAll(() => server[Symbol.asyncDispose]())

/** A guarded client with root's credentials: nothing but the veto is tried here. */
function vetoed(port = server.port, parameters = ''): MongoClient {
  return vetoingClient({
    uri: server.uri('root', port) + parameters,
    databases: new Set(['app']),
    appName: 'traps',
    heartbeatFrequencyMs: 500,
    maxPoolSize: 2,
    connectTimeoutMs: 5_000,
    log: new KeptLog(),
    onRefusal: undefined,
  }).client
}

const refused = { code: 'WRITE_REFUSED' }
const insert = (client: MongoClient): Promise<unknown> =>
  client.db('app').collection('docs').insertOne({ a: 2 })

test('T.1 taking away every listener and switching monitoring off changes nothing: the veto is no listener', async () => {
  await using client = vetoed()
  await client.db('app').command({ ping: 1 })
  Reflect.set(client, 'monitorCommands', false)
  client.removeAllListeners()
  const topology: unknown = Reflect.get(client, 'topology')
  if (typeof topology !== 'object' || topology === null || !('removeAllListeners' in topology))
    throw new Error('no topology')
  expect(typeof topology.removeAllListeners).toBe('function')
  Reflect.apply(topology.removeAllListeners as () => void, topology, ['commandStarted'])
  await expect(insert(client)).rejects.toMatchObject(refused)
})

test('T.2 a verb that swallows errors still puts nothing on the wire', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using client = vetoed(recorder.port)
  await client
    .db('app')
    .collection('docs')
    .dropIndexes()
    .catch(() => undefined)
  await client
    .db('app')
    .collection('docs')
    .insertOne({ a: 2 }, { writeConcern: { w: 0 } })
    .catch(() => undefined)
  await client.db('app').command({ ping: 1 })
  const names = recorder.commands.map(({ name }) => name)
  expect(names).toContain('ping')
  expect(names.filter((name) => name === 'dropIndexes' || name === 'insert')).toEqual([])
})

test('T.3 what is sent is what was judged, even if it is written down differently the second time', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using client = vetoed(recorder.port)
  let times = 0
  const stage = { toBSON: () => (times++ === 0 ? { $match: {} } : { $out: 'stolen' }) }
  await client.db('app').command({ aggregate: 'docs', pipeline: [stage], cursor: {} })
  const [aggregate] = recorder.commands.filter(({ name }) => name === 'aggregate')
  expect(aggregate?.body['pipeline']).toEqual([{ $match: {} }])
  expect(times).toBe(1)
})

test('T.4 a compressed write is refused too, and a compressed read passes', async () => {
  await using client = vetoed(server.port, '&compressors=zlib')
  await expect(insert(client)).rejects.toMatchObject(refused)
  expect(await client.db('app').collection('docs').findOne()).toMatchObject({ a: 1 })
})

test('T.5 a refusal costs no connection: reads go on over the same one', async () => {
  await using client = vetoed()
  await client.db('app').command({ ping: 1 })
  let closed = 0
  client.on('connectionClosed', () => closed++)
  for (let i = 0; i < 20; i++) await expect(insert(client)).rejects.toMatchObject(refused)
  expect(await client.db('app').collection('docs').findOne()).toMatchObject({ a: 1 })
  expect(closed).toBe(0)
})
