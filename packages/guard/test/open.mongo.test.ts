import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient, MongoError } from 'mongodb'
import { proveVeto } from '../src/canary.ts'
import { examine, GuardError, openReadConnection } from '../src/index.ts'
import type { GuardedConnection, OpenOptions } from '../src/index.ts'
import { Refusals } from '../src/refusals.ts'
import { failPoint, KeptLog, WireRecorder } from '@freshet/testkit'
import { TestServer } from './test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.open({ accessControl: true })
})
afterAll(() => server[Symbol.asyncDispose]())

function open(uri: string, options: Partial<OpenOptions> = {}): Promise<GuardedConnection> {
  return openReadConnection({
    uri,
    database: 'app',
    appName: 'test',
    log: new KeptLog(),
    connectTimeoutMs: 1_000,
    ...options,
  })
}

async function codeOf(attempt: Promise<GuardedConnection>): Promise<string> {
  return attempt.then(
    async (connection) => {
      await connection.close()
      return 'opened'
    },
    (error: unknown) => (error instanceof GuardError ? `${error.code} ${error.exitCode}` : String(error)),
  )
}

test('G4.2 opens for a role that can only read, and logs one line', async () => {
  const log = new KeptLog()
  const connection = await open(server.uri('reader'), { log })
  expect(connection.status()).toEqual({
    layers: { veto: 'standing', role: 'standing' },
    fault: undefined,
    client: 'current',
    renewals: 0,
    user: 'reader@admin',
    roles: ['freshet-reader@app'],
    refusals: { command: 0, database: 0, message: 0, name: 0 },
  })
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['info', 'guard: veto in force, role in force (user reader@admin, roles freshet-reader@app)'],
  ])
  await connection.close()
  await connection.close()
})

test.each(['auditor', 'builtin'])('G4.2 opens for %s, which can only read too', async (user) => {
  expect(await codeOf(open(server.uri(user)))).toBe('opened')
})

test('G4.2 opens for a reader whose role includes the messages of its database, from either side', async () => {
  const uri = server.uri('historian')
  expect(await codeOf(open(uri))).toBe('opened')
  expect(await codeOf(open(uri, { database: 'app_messages', alsoReads: ['app'] }))).toBe('opened')
  expect(await codeOf(open(uri, { alsoReads: [] }))).toBe('PRIVILEGE 78')
  expect(await codeOf(open(uri, { database: 'app_messages' }))).toBe('PRIVILEGE 78')
})

test('G4.2 opens for a delivery on the messages, and for nothing else', async () => {
  const connection = await open(server.uri('delivery'), { database: 'app_messages' })
  expect(connection.status()).toMatchObject({ fault: undefined, roles: ['freshet-delivery@app_messages'] })
  const stream = { aggregate: 1, pipeline: [{ $changeStream: {} }], cursor: {} } as const
  expect(await connection.run(stream)).toMatchObject({ ok: 1 })
  expect(await connection.run({ find: 'messages' })).toMatchObject({ ok: 1 })
  await connection.close()
  expect(await codeOf(open(server.uri('delivery'), { alsoReads: [] }))).toBe('PRIVILEGE 78')
  expect(await codeOf(open(server.uri('delivery'), { database: 'other' }))).toBe('PRIVILEGE 78')
})

test.each([
  [
    'writer',
    /^PRIVILEGE: user writer@admin with freshet-writer@app may (insert|update|remove) on {"db":"app"/,
  ],
  ['everywhere', /^PRIVILEGE: user everywhere@admin with readAnyDatabase@admin may \w+ on/],
  ['elsewhere', /may find on {"db":"other","collection":""}, which is not in the database "app"/],
  ['hashes', /may find on {"db":"admin","collection":"system.users"}, which is not in/],
  ['oplog', /may find on {"db":"local","collection":"oplog.rs"}, which is not in/],
  ['root', /^PRIVILEGE: user root@admin with root@admin may \w+ on/],
])('G4.2 refuses to open as %s, naming user, role, action and resource', async (user, message) => {
  await expect(open(server.uri(user))).rejects.toThrow(message)
  expect(await codeOf(open(server.uri(user)))).toBe('PRIVILEGE 78')
})

test('G4.3 refuses to open without a user, or with an unknown one', async () => {
  expect(await codeOf(open(server.uri()))).toBe('NOT_AUTHENTICATED 78')
  expect(await codeOf(open(server.uri('nobody')))).toBe('NOT_AUTHENTICATED 78')
})

test('G4.3 refuses a server without access control, even if it reports a harmless user, unless allowed', async () => {
  await using lax = await TestServer.open({ accessControl: false })
  expect(await codeOf(open(lax.uri()))).toBe('NO_ACCESS_CONTROL 78')
  expect(await codeOf(open(lax.uri('reader')))).toBe('NO_ACCESS_CONTROL 78')
  expect(await codeOf(open(lax.uri('writer'), { accessControl: 'optional' }))).toBe('PRIVILEGE 78')
  const log = new KeptLog()
  const connection = await open(lax.uri('reader'), { accessControl: 'optional', log })
  expect(connection.status().layers.role).toBe('absent')
  expect(log.lines.map(({ level }) => level)).toEqual(['warn'])
  await connection.close()
})

test('G4.3 recognizes that a server enforces roles by the error code of shared Atlas clusters too', async () => {
  await using root = new MongoClient(server.uri('root'))
  await root.db('admin').command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: ['find'], errorCode: 8000, appName: 'test' },
  })
  expect(await codeOf(open(server.uri('reader')))).toBe('opened')
})

test('G3.6 distinguishes an unreachable address from an invalid one, and never shows a password', async () => {
  expect(await codeOf(open('mongodb://127.0.0.1:1/?directConnection=true'))).toBe('UNREACHABLE 69')
  expect(await codeOf(open('mongodb://127.0.0.1/?nonsense=1'))).toBe('BAD_ADDRESS 78')
  const error = await open('https://user:secret@127.0.0.1/').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'BAD_ADDRESS' })
  expect(error).not.toHaveProperty('cause')
  expect(String(error)).not.toContain('secret')
  const empty = await open('').catch((reason: unknown) => reason)
  expect(String(empty)).toMatch(/BAD_ADDRESS: Invalid scheme, expected connection string to start with/)
})

test.each<[string, object, string]>([
  ['shuts down', { errorCode: 91 }, 'UNREACHABLE 69'],
  ['is silent', { blockConnection: true, blockTimeMS: 400 }, 'REPLY_TIMEOUT 69'],
])('G3.6 a server that %s while the rights are read is worth another try', async (_, how, code) => {
  await using root = new MongoClient(server.uri('root'))
  const data = { failCommands: ['connectionStatus'], ...how }
  await using off = await failPoint(root, 'failCommand', 'alwaysOn', data)
  expect(await codeOf(open(server.uri('reader'), { connectTimeoutMs: 200 }))).toBe(code)
  expect(off).toBeDefined()
})

test('G3.6 an option that the server does not support is a wrong address', async () => {
  expect(await codeOf(open(`${server.uri('reader').split('?')[0]}?loadBalanced=true`))).toBe('BAD_ADDRESS 78')
})

test('G3.7 the canary never reaches the server, and is not counted as a refusal', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  const log = new KeptLog()
  const connection = await open(server.uri('reader', recorder.port), { log })
  expect(connection.status().refusals.command).toBe(0)
  await connection.close()
  const names = new Set(recorder.commands.map(({ name }) => name))
  const expected = [
    'ismaster',
    'hello',
    'saslStart',
    'saslContinue',
    'ping',
    'connectionStatus',
    'find',
    'endSessions',
  ]
  expect([...names].filter((name) => !expected.includes(name))).toEqual([])
  expect(names).toContain('connectionStatus')
})

test('G3.7 negative control: without the veto the canary fails, and writes nothing even then', async () => {
  for (const user of ['root', 'reader']) {
    await using client = new MongoClient(server.uri(user))
    const refusals = new Refusals(new KeptLog(), undefined)
    await expect(proveVeto(client, 'app', refusals)).rejects.toMatchObject({
      code: 'VETO_MISSING',
      exitCode: 78,
    })
  }
  await using root = new MongoClient(server.uri('root'))
  expect(await root.db('app').listCollections().toArray()).toEqual([])
})

test('G3.7 a canary that could not be sent does not count as a missing veto', async () => {
  const unsent = {
    'a new connection cannot log in': server.uri('reader').replace(/:[^:@]+@/, ':wrong@'),
    'no server is found': 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100',
  }
  for (const [name, uri] of Object.entries(unsent)) {
    await using client = new MongoClient(uri)
    const refusals = new Refusals(new KeptLog(), undefined)
    const error: unknown = await proveVeto(client, 'app', refusals).catch((reason: unknown) => reason)
    expect({ name, error }).not.toMatchObject({ error: { code: 'VETO_MISSING' } })
    expect({ name, error }).toMatchObject({ error: expect.any(MongoError) })
  }
})

test('G4.7 an examination actually sends a write without the veto, and reports whether the server refused it', async () => {
  await using recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  const common = { database: 'app', appName: 'test', log: new KeptLog() }
  const { layers } = await examine({ ...common, uri: server.uri('reader', recorder.port) })
  expect(layers.map(({ stands }) => stands)).toEqual([true, true])
  expect(layers[1]?.seen).toContain('the server refused a delete without the veto')
  const writes = recorder.commands.filter(({ name }) => name === 'insert' || name === 'delete')
  expect(writes.map(({ body }) => body['deletes'])).toEqual([[{ q: { _id: { $in: [] } }, limit: 1 }]])
  // Negative control: where nothing is refused, the delete reveals it.
  await using lax = await TestServer.open({ accessControl: false })
  const found = await examine({ ...common, uri: lax.uri('reader'), accessControl: 'optional' })
  expect(found.layers.map(({ stands }) => stands)).toEqual([true, false])
  expect(found.layers[1]?.seen).toContain('expected code 13 for a delete without the veto')
  await using root = new MongoClient(lax.uri())
  expect(await root.db('app').listCollections().toArray()).toEqual([])
})

test('G4.7 an examination reports a server without access control, and every excessive privilege', async () => {
  await using open = await TestServer.open({ accessControl: false })
  const common = { database: 'app', appName: 'test', log: new KeptLog() }
  const bare = await examine({ ...common, uri: open.uri() })
  expect(bare.layers.map(({ layer, stands }) => [layer, stands])).toEqual([
    ['G3', true],
    ['G4', false],
  ])
  expect(bare.layers[1]?.seen).toContain('NO_ACCESS_CONTROL')
  const careless = await examine({ ...common, uri: server.uri('careless') })
  const excess = careless.grants.filter(({ harmless }) => harmless === undefined).map(({ action }) => action)
  expect(excess).toEqual(expect.arrayContaining(['insert', 'update', 'remove', 'createIndex']))
  expect(excess).not.toContain('find')
})
