import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { migratePostgres } from '@freshet/migration-postgres'
import { heldCommits } from '@freshet/postgres'
import { eventually, silentLog } from '@freshet/testkit'
import { DatabaseConnection } from '../src/store/postgres/connection.ts'
import { AnswerSweep } from '../src/store/postgres/stored-answers.ts'
import type { Backend } from '../src/store/contract.ts'
import { httpCollections, openHttpPostgres } from './support/http-postgres.ts'
import { problem, sendersOf } from './support/keyed-writer.ts'
import { openWriter } from './support/open-writer.ts'

const db = await openHttpPostgres()
const writer = await openWriter(db.uri)
let closed = false
async function closeWriter(): Promise<void> {
  if (closed) return
  closed = true
  await writer[Symbol.asyncDispose]()
}
afterAll(async () => {
  await closeWriter()
  await db[Symbol.asyncDispose]()
})

const { admin } = db
const lenient = { prefer: 'handling=lenient' }

const put = (id: string, name: string, to = writer) =>
  to.send('PUT', `products/${id}`, { headers: lenient, body: { name } })

test('W2 a database without the control table takes no writes, and takes them again after a migration', async () => {
  const before = String((await put('source', 'a')).headers.get('freshet-position')).slice(0, 8)
  await admin.query('drop table freshet.control')
  // A write that is sent before the loss is noticed is 504, and may be stored.
  await eventually(async () => {
    const ready = await fetch(`${writer.service.managementUrl}/readyz`)
    expect(await ready.json()).toMatchObject({ why: expect.stringContaining('run freshet migrate') })
  })
  const refused = await put('source', 'lost')
  expect(refused.json).toMatchObject({ status: 503, ...problem('source-unknown') })
  expect(await db.text('products', 'source')).not.toContain('lost')
  await migratePostgres({
    uri: db.server.uri(),
    database: 'shop',
    collections: httpCollections,
    passwords: {},
  })
  // The log of the server goes on, so this is the same history.
  await eventually(async () => {
    const got = await put('source', 'b')
    expect([got.status, got.headers.get('freshet-position')?.slice(0, 8)]).toEqual([200, before])
  })
})

test('W3 writes that wait for a lock occupy one connection each, and three are for control', async () => {
  const argv = ['--max-writes=5']
  await put('locked', 'x')
  await using other = await openWriter(db.uri, { argv })
  const locked = await db.lock('locked')
  const answers = Promise.all(Array.from({ length: 12 }, () => put('locked', 'ours', other)))
  const connections = async (name: string): Promise<number> => {
    const { rows } = await admin.query('select count(*) from pg_stat_activity where application_name = $1', [
      name,
    ])
    return Number(rows[0]?.count)
  }
  await eventually(async () => expect(await other.status()).toMatchObject({ inFlight: 5 }))
  const beats = async () => (await admin.query('select beats from freshet.control')).rows[0]?.beats
  const during = await beats()
  await eventually(async () => expect(await beats()).not.toBe(during))
  // Two writers.
  expect(await connections('freshet-writer-control')).toBeLessThanOrEqual(6)
  await locked.release()
  const statuses = (await answers).map(({ status }) => status)
  expect(statuses.filter((status) => status === 503)).toHaveLength(7)
})

test('W4 a writer recovers by itself when its server was stopped and started', async () => {
  await put('restart', 'a')
  await db.server.stop('immediate')
  expect((await put('restart', 'b')).status).toBeGreaterThanOrEqual(503)
  await db.server.start()
  await eventually(async () => expect((await put('restart', 'c')).status).toBe(200))
  await admin.end().catch(() => undefined)
  await db.reconnect()
})

const unlike: Readonly<Record<string, readonly [spoil: string, repair: string, why: string]>> = {
  'is not published': [
    'alter publication freshet drop table products',
    'alter publication freshet add table products',
    'not published',
  ],
  'has a trigger that may change what is written': [
    `create function spoil() returns trigger language plpgsql as $$ begin new.document = '{}'; return new; end $$;
     create trigger spoil before insert or update on products for each row execute function spoil()`,
    'drop trigger spoil on products',
    'spoil may change',
  ],
  'stores documents as jsonb, which reorders them': [
    'alter table products drop constraint products_document_check; alter table products alter document type jsonb',
    'alter table products alter document type json',
    'of the type json',
  ],
  'does not exist': [
    'alter table products rename to away',
    'alter table away rename to products',
    'does not exist',
  ],
}

test.each(Object.entries(unlike))(
  'W8 a table that %s is 503 with the reason, until it is changed',
  async (_, change) => {
    const [spoil, repair, why] = change
    await db.openAdmin(async (own) => {
      await own.query(spoil)
      await using other = await openWriter(db.uri)
      const said = new Array<string>()
      for (const [method, path, body] of [
        ['POST', 'products', { name: 'x' }],
        ['PUT', 'products/spoiled', { name: 'x' }],
        ['DELETE', 'products/spoiled', undefined],
      ] as const) {
        const got = await other.send(method, path, body && { body })
        expect(got.json).toMatchObject({ status: 503, ...problem('collection-not-exact') })
        said.push(got.text)
      }
      expect(why.length).toBeGreaterThan(0)
      await own.query(repair)
      await eventually(async () => expect((await put('spoiled', 'x', other)).status).toBeLessThan(300))
    })
  },
)

test('a document that a constraint or a trigger of the table rejects is 422', async () => {
  await db.openAdmin(async (own) => {
    await using other = await openWriter(db.uri)
    await own.query(`alter table products add constraint cheap check ((document ->> 'price')::numeric < 100)`)
    for (const headers of [{}, lenient, { 'if-none-match': '*' }, { 'if-match': '*' }]) {
      const got = await other.send('PUT', 'products/dear', { headers, body: { name: 'x', price: 100 } })
      expect(['if-match' in headers ? 412 : 422]).toContain(got.status)
    }
    expect(await db.text('products', 'dear')).toBeUndefined()
    await own.query('alter table products drop constraint cheap')
    expect((await put('dear', 'x', other)).status).toBe(201)
  })
})

test('a repetition of a running request is 409 in-progress; afterwards it is replayed', async () => {
  await using other = await openWriter(db.uri)
  await put('slow', 'x', other)
  const locked = await db.lock('slow')
  const send = sendersOf(other)()
  const first = send('PUT', 'products/slow', { body: { name: 'once' } })
  await eventually(async () => expect(await other.status()).toMatchObject({ inFlight: 1 }))
  // The first may not hold the key yet.
  await eventually(async () => {
    const again = await send('PUT', 'products/slow', { body: { name: 'once' } })
    expect(again.json).toMatchObject({ status: 409, ...problem('in-progress') })
  })
  await locked.release()
  expect((await first).status).toBe(200)
  const replayed = await send('PUT', 'products/slow', { body: { name: 'once' } })
  expect(replayed.headers.get('idempotency-replayed')).toBe('true')
})

test('answers are deleted once they have expired', async () => {
  await db.openAdmin(async (own) => {
    await own.query('delete from freshet.answers')
    await own.query(`insert into freshet.answers (key, request, status, expires_at)
      select decode(md5(n::text), 'hex'), '', 204, now() + (n - 2) * interval '1 hour' from generate_series(0, 4) n`)
    const connection = new DatabaseConnection({
      uri: db.uri,
      maxWrites: 1,
      acknowledgeWithinMs: 5_000,
      log: silentLog,
    })
    let sleeps = 0
    const sweep = new AnswerSweep(
      connection,
      {
        ...systemClock,
        sleep: async (_, signal) => (sleeps++ === 0 ? undefined : await systemClock.sleep(60_000, signal)),
      },
      silentLog,
    )
    sweep.start()
    await eventually(async () => expect(await db.answers()).toBe(2))
    await sweep.stop()
    await connection.stop()
  })
})

test('W9 a commit that a required standby does not confirm in time is 504, and a refusal is 503', async () => {
  await db.openAdmin(async (own) => {
    await put('held', 'x')
    await put('changed', 'x')
    for (const [name, value] of Object.entries(heldCommits))
      await own.query(`alter system set ${name} = '${value}'`)
    await own.query('select pg_reload_conf()')
    await using other = await openWriter(db.uri, { argv: ['--acknowledge-within=300ms'] })
    // The default of the server, which is less, does not count.
    await eventually(async () =>
      expect((await put('held', 'y', other)).json).toMatchObject({
        status: 504,
        ...problem('outcome-unknown'),
        id: 'held',
      }),
    )
    const patch = { headers: { 'if-match': '*' }, body: { name: 'z' } }
    // Not the same row, which stays locked until its commit is confirmed.
    const changed = await other.send('PUT', 'products/changed', patch)
    expect(changed.json).toMatchObject({ status: 504, id: 'changed' })
    const absent = await other.send('DELETE', 'products/absent')
    expect(absent.json).toMatchObject({ status: 503, ...problem('unavailable') })
    await eventually(async () => expect(await other.status()).toMatchObject({ heartbeatFailing: true }))
    for (const name of Object.keys(heldCommits)) await own.query(`alter system reset ${name}`)
    await own.query('select pg_reload_conf()')
    await eventually(async () => expect((await put('held', 'w', other)).status).toBe(200))
  })
})

test('W6 a beat based on an outdated state writes nothing', async () => {
  let done: readonly unknown[] | undefined
  const once = (backend: Backend): Backend => ({
    ...backend,
    control: {
      source: () => backend.control.source(),
      beat: async (seen) => {
        if (done !== undefined) return { beats: Symbol() }
        const first = await backend.control.beat(seen)
        const theirs = await backend.control.beat(first)
        const ours = await backend.control.beat(first)
        done = [theirs.beats, ours.beats]
        return ours
      },
    },
  })
  // It would beat too. This is the last test.
  await closeWriter()
  await using _ = await openWriter(db.uri, { over: once })
  await eventually(() => expect(done).toBeDefined())
  expect(done?.[0]).toBe(done?.[1])
})
