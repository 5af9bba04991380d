import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WireRecorder } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import type { MongoClientOptions } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { WireMessage, WriteOptions } from 'mongodb/lib/cmap/connection.js'
import { vetoingClient } from '../src/client.ts'
import { KeptLog } from '@freshet/testkit'
import { TestServer } from './test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.open({ accessControl: true })
  await using root = new MongoClient(server.uri('root'))
  await root.db('app').collection('docs').insertOne({ a: 1 })
})
afterAll(() => server[Symbol.asyncDispose]())

/** A guarded client with root's credentials, so that only the veto is tested. */
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

test('T.1 removing all listeners and disabling monitoring changes nothing, because the veto is no listener', async () => {
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

test('T.2 a method that swallows errors still puts nothing on the wire', async () => {
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

test('T.3 what is sent is what was judged, even if it would be serialized differently the second time', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using client = vetoed(recorder.port)
  let times = 0
  const stage = { toBSON: () => (times++ === 0 ? { $match: {} } : { $out: 'stolen' }) }
  await client.db('app').command({ aggregate: 'docs', pipeline: [stage], cursor: {} })
  const [aggregate] = recorder.commands.filter(({ name }) => name === 'aggregate')
  expect(aggregate?.body['pipeline']).toEqual([{ $match: {} }])
  expect(times).toBe(1)
})

test.each(['', '&compressors=zlib'])(
  'T.3 code with access to shared memory cannot change what was judged on its way to the socket (%j)',
  async (parameters) => {
    await using client = vetoed(server.port, parameters)
    expect(await stolenWith(client)).toBe(false)
  },
)

test('T.3 negative control: bytes that are judged in shared memory and sent by the driver do become a write', async () => {
  await using client = new MongoClient(server.uri('root'), pooled)
  expect(await stolenWith(client)).toBe(true)
})

test('T.3 a message that does not fit into the socket buffer is sent completely, and the next one after it', async () => {
  await using client = vetoed()
  const docs = client.db('app').collection('docs')
  const many = Array.from({ length: 100_000 }, (_, n) => `value ${n}`)
  const found = await Promise.all(
    [many, [1], many].map((values) => docs.find({ a: { $in: [1, ...values] } }).toArray()),
  )
  expect(found.map(({ length }) => length)).toEqual([1, 1, 1])
})

/**
 * The veto's former implementation: the bytes are in the shared pool of small buffers, and the driver waits before it
 * uses them.
 */
class PooledConnection extends Connection {
  override async writeCommand(message: WireMessage, options: WriteOptions): Promise<void> {
    const bytes = Buffer.concat(message.toBin())
    message.toBin = () => [bytes]
    return super.writeCommand(message, options)
  }
}
const pooled: MongoClientOptions & { readonly connectionType: unknown } = {
  connectionType: PooledConnection,
  maxPoolSize: 1,
}

/** Whether reads became writes while other code changed `$set` into `$out` wherever it found it in shared memory. */
async function stolenWith(client: MongoClient): Promise<boolean> {
  await using root = new MongoClient(server.uri('root'))
  await root.db('app').collection('stolen').drop()
  await client.db('app').command({ ping: 1 })
  for (let round = 0; round < 10; round++) {
    const over = new AbortController()
    const read = client.db('app').command({ aggregate: 'docs', pipeline: [{ $set: 'stolen' }], cursor: {} })
    const settled = Promise.allSettled([read]).then(() => over.abort())
    while (!over.signal.aborted) {
      // Between any two steps of the driver that are not atomic.
      for (let step = 0; step < 100; step++) {
        await Promise.resolve()
        const memory = Buffer.from(Buffer.allocUnsafe(1).buffer)
        for (let at = memory.indexOf('$set\0'); at >= 0; at = memory.indexOf('$set\0', at + 1))
          memory.write('$out', at)
      }
      await setImmediate()
    }
    await settled
  }
  return (await root.db('app').listCollections({ name: 'stolen' }).toArray()).length > 0
}

test('T.4 nothing is compressed, whatever the address says: a read is sent as it was judged', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using client = vetoed(recorder.port, '&compressors=zlib')
  await expect(insert(client)).rejects.toMatchObject(refused)
  expect(await client.db('app').collection('docs').findOne()).toMatchObject({ a: 1 })
  const opcodes = (): readonly string[] =>
    recorder.commands.map(({ name }) => name).filter((name) => name.startsWith('opcode'))
  expect(opcodes()).toEqual([])
  // Negative control: this server does accept compressed messages.
  await using plain = new MongoClient(`${server.uri('root', recorder.port)}&compressors=zlib`)
  await plain.db('app').collection('docs').findOne()
  expect(opcodes()).toContain('opcode 2012')
})

test('T.5 a refusal costs no connection: reads continue on the same one', async () => {
  await using client = vetoed()
  await client.db('app').command({ ping: 1 })
  let closed = 0
  client.on('connectionClosed', () => closed++)
  for (let i = 0; i < 20; i++) await expect(insert(client)).rejects.toMatchObject(refused)
  expect(await client.db('app').collection('docs').findOne()).toMatchObject({ a: 1 })
  expect(closed).toBe(0)
})
