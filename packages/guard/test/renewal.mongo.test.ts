import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  eventually,
  openTestDatabase,
  startImpostor,
  type ImpostorKind,
  type TestDatabase,
} from '@freshet/testkit'
import { openReadConnection, type GuardedConnection } from '../src/index.ts'
import { KeptLog } from '@freshet/testkit'

const passwords = { 'freshet-reader': 'the-same-in-all' }

let db: TestDatabase
let log: KeptLog
let connection: GuardedConnection
let port: number
let dbPath: string

/** One server for the tests of a group, each of which leaves it running. */
function shareOneServer(): void {
  beforeAll(async () => {
    db = await openTestDatabase({ own: true, passwords })
    port = db.servers.members[0]?.port ?? 0
    const { parsed } = await db.admin.db('admin').command({ getCmdLineOpts: 1 })
    dbPath = parsed.storage.dbPath
  })
  afterAll(() => db[Symbol.asyncDispose]())
}

beforeEach(async () => {
  log = new KeptLog()
  connection = await openReadConnection({
    uri: db.uriFor('reader'),
    database: 'shop',
    appName: 'test',
    log,
    connectTimeoutMs: 1_000,
  })
})
afterEach(() => connection.close())

/** Only the members: the test's own driver may have lost its last server. */
async function startSet(): Promise<void> {
  await Promise.all(db.servers.members.map((member) => member.start()))
}

const read = (): Promise<unknown> => connection.run({ find: 'products', filter: {} }, { timeoutMs: 5_000 })

async function readsAgain(): Promise<void> {
  await eventually(async () => expect(await read()).toMatchObject({ ok: 1 }))
}

/** Something else answers on the port while `seen` runs. */
async function during(what: ImpostorKind, seen: () => Promise<void>): Promise<void> {
  const other = await startImpostor(port, what)
  try {
    await seen()
  } finally {
    await other[Symbol.asyncDispose]()
  }
}

async function losesItsServer(what: ImpostorKind): Promise<void> {
  await db.stop()
  await during(what, () =>
    eventually(async () => {
      await expect(read()).rejects.toThrow()
      expect(connection.status().client).toBe('renewing')
    }),
  )
}

describe('a server of another kind at its address', () => {
  shareOneServer()

  test.each<ImpostorKind>(['standalone', 'another set'])(
    'R.8 a client whose port answered for a while as another server (%s) is recreated',
    async (what) => {
      const session = connection.openSession()
      await losesItsServer(what)
      await expect(read()).rejects.toMatchObject({ code: 'UNREACHABLE', retry: true })
      const none = connection.openSession()
      const said = () => log.lines.map(({ message }) => message)
      // The first attempt may be running, and would find the set.
      await eventually(() => expect(said()).toContain('the client of test: could not be recreated, retrying'))
      await startSet()
      await readsAgain()
      expect(connection.status()).toMatchObject({ client: 'current', renewals: 1, fault: undefined })
      expect(said()).toEqual(
        expect.arrayContaining(['the client of test: recreating', 'the client of test: recreated']),
      )
      // Whatever belonged to the old one ends with it.
      for (const old of [session, none]) {
        await expect(connection.run({ ping: 1 }, { session: old })).rejects.toMatchObject({
          code: 'UNREACHABLE',
        })
        await connection.endSession(old)
      }
      const fresh = connection.openSession()
      expect(await connection.run({ ping: 1 }, { session: fresh })).toMatchObject({ ok: 1 })
      await connection.endSession(fresh)
    },
  )

  test('R.8 a recreated client is verified before it is used for reads', async () => {
    await losesItsServer('standalone')
    await during({ openSet: db.servers.name, dbPath }, async () => {
      await eventually(() => expect(read()).rejects.toMatchObject({ code: 'NO_ACCESS_CONTROL' }))
      expect(connection.status()).toMatchObject({ client: 'renewing', renewals: 0 })
    })
    await startSet()
    await readsAgain()
    // The count of refusals continues.
    const insert = { insert: 'products', documents: [], ping: 1 }
    await expect(connection.run(insert)).rejects.toMatchObject({ code: 'WRITE_REFUSED' })
    expect(connection.status().refusals.command).toBe(1)
  })

  test('R.8 close ends a recreation in progress', async () => {
    await losesItsServer('standalone')
    await connection.close()
    await expect(read()).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(connection.status().client).toBe('closed')
    await startSet()
  })
})

describe('its own set at its address, not as it was', () => {
  shareOneServer()

  test('R.8 a restored set with older elections behind the same address is found', async () => {
    // A driver that saw the second election considers the primary of the first one stale.
    await db.stepDown()
    await readsAgain()
    await db.stop()
    {
      await using restored = await openTestDatabase({ port, passwords })
      await restored.admin.db('shop').collection('products').insertOne({ restored: true })
      await eventually(async () => {
        expect(await read()).toMatchObject({ cursor: { firstBatch: [{ restored: true }] } })
      })
      expect(connection.status()).toMatchObject({ client: 'current', renewals: 1 })
    }
    await startSet()
  })

  test('G4.8 access control that is switched off at run time ends all reads, until it is on again', async () => {
    await readsAgain()
    await db.stop()
    await during({ openSet: db.servers.name, dbPath }, async () => {
      await eventually(() => expect(read()).rejects.toMatchObject({ code: 'NO_ACCESS_CONTROL' }))
      await expect(read()).rejects.toMatchObject({ code: 'NO_ACCESS_CONTROL' })
      expect(connection.status()).toMatchObject({
        layers: { veto: 'standing', role: 'absent' },
        fault: expect.stringContaining('can read a database that no role allows'),
      })
      expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    })
    await startSet()
    await readsAgain()
    expect(connection.status()).toMatchObject({ layers: { role: 'standing' }, fault: undefined, renewals: 0 })
  })

  test('G4.8 a role that becomes excessive ends all reads at the next check, until it is limited again', async () => {
    const give = (roles: readonly string[]): Promise<unknown> =>
      db.admin.db('shop').command({ updateUser: 'freshet-reader', roles })
    await give(['freshet-reader', 'freshet-writer'])
    await expect(connection.prove()).rejects.toMatchObject({ code: 'PRIVILEGE' })
    await expect(read()).rejects.toMatchObject({ code: 'PRIVILEGE', retry: false })
    expect(connection.status()).toMatchObject({
      layers: { veto: 'standing', role: 'absent' },
      fault: expect.stringContaining('PRIVILEGE: user freshet-reader@shop'),
      refusals: { command: 0 },
    })
    await give(['freshet-reader'])
    await readsAgain()
    await connection.prove()
    expect(connection.status()).toMatchObject({ layers: { role: 'standing' }, fault: undefined })
  })
})
