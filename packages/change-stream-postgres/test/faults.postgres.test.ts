import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Hearing } from '@freshet/change-stream/conformance'
import { systemClock } from '@freshet/kit'
import { CutProxy, eventually } from '@freshet/testkit'
import { TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { postgresSource } from '../src/index.ts'
import { connectForReplication, sessionsAt } from '../src/session.ts'
import { openDatabase, publication } from './support/open-database.ts'
import { inWords, listen, openSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])
const { signal } = new AbortController()

let db: TestDatabase

beforeAll(async () => {
  db = await openDatabase({
    collections,
    tables: ['create table products (id text primary key, value text)'],
    // What nobody commits stays in memory for long.
    settings: { wal_writer_delay: '10s' },
  })
}, 60_000)
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

test('P8 a table that cannot be served exactly is refused with what to change', async () => {
  const tables: readonly (readonly [name: string, create: string, fault: RegExp, idType?: IdType])[] = [
    ['a_view', 'create view a_view as select * from products', /ordinary tables/],
    ['parted', 'create table parted (id text primary key) partition by hash (id)', /ordinary tables/],
    ['unlogged', 'create unlogged table unlogged (id text primary key)', /unlogged/],
    ['keyless', 'create table keyless (id text)', /primary key of one column/],
    ['two_keys', 'create table two_keys (a text, b text, primary key (a, b))', /primary key of one column/],
    ['late_key', 'create table late_key (id text primary key deferrable)', /not deferrable/],
    ['number', 'create table number (id integer primary key)', /ids of the type string/],
    ['texts', 'create table texts (id text primary key)', /ids of the type integer/, 'integer'],
    [
      'whole',
      'create table whole (id text primary key); alter table whole replica identity full',
      /replica identity default/,
    ],
    [
      'made',
      'create table made (id text primary key, twice text generated always as (id || id) stored)',
      /generated/,
    ],
    [
      'hidden',
      'create table hidden (id text primary key); alter table hidden enable row level security',
      /row-level security/,
    ],
    ['naming', 'create type r as (r regrole); create table naming (id text primary key, r r[])', /names of/],
    ['secret', 'create table secret (id text primary key)', /grant select on public.secret/],
    ['unpublished', 'create table unpublished (id text primary key)', /alter publication freshet add table/],
    ['some_rows', 'create table some_rows (id text primary key)', /row filter or a column list/],
    ['missing', 'select 1', /does not exist/],
    ['good', 'create table good (id varchar(20) primary key)', /^undefined$/],
  ]
  for (const [, create] of tables) await db.admin.query(create)
  await db.admin.query('grant select on all tables in schema public to freshet_reader')
  await db.admin.query('revoke select on secret from freshet_reader')
  const published = [
    'number',
    'texts',
    'whole',
    'made',
    'hidden',
    'secret',
    'naming',
    'good',
    'keyless',
    'two_keys',
    'late_key',
  ]
  await db.admin.query(`alter publication freshet add table ${published.join(', ')}`)
  await db.admin.query(`alter publication freshet add table some_rows where (id = 'a')`)
  await using opened = openSource(db, new Map(tables.map(([name, , , idType = 'string']) => [name, idType])))
  const found = await opened.reads.check(
    tables.map(([name]) => name),
    signal,
  )
  for (const [name, , fault] of tables)
    expect([name, String(found.get(name))]).toEqual([name, expect.stringMatching(fault)])
  await db.admin.query(`alter publication freshet set (publish = 'insert, update, delete')`)
  expect((await opened.reads.check(['good'], signal)).get('good')).toMatch(
    /must publish insert, update, delete and truncate/,
  )
  await db.admin.query(`alter publication freshet set (publish = 'insert, update, delete, truncate')`)
})

test('P9 a table that is no longer published is reported at once', async () => {
  await using opened = openSource(db, collections)
  await using heard = await listen(opened)
  await db.admin.query('alter publication freshet drop table products')
  await heard.until(() => heard.changes.length > 0)
  expect(inWords(heard)[0]).toBe('invalidate-collection')
  expect((await opened.reads.check(['products'], signal)).get('products')).toMatch(/is not published/)
  await db.admin.query('alter publication freshet add table products')
})

const slots = async (): Promise<number> =>
  Number((await db.admin.query('select count(*) as n from pg_replication_slots')).rows[0]?.n)

test('P10 a reader that is gone retains no log', async () => {
  await using opened = openSource(db, collections)
  const heard = await listen(opened)
  await heard.until(() => heard.batches.length > 1)
  expect(await slots()).toBe(1)
  await heard.stop()
  await eventually(async () => expect(await slots()).toBe(0))
  // Started, but never read.
  await opened.source.start(signal)
  expect(await slots()).toBe(1)
  await opened.close()
  await eventually(async () => expect(await slots()).toBe(0))
})

test('P11 a start waits for transactions that are running, and reports those that do not end', async () => {
  await using opened = openSource(db, collections, { startWithinMs: 300 })
  const other = await db.connect()
  await other.query(`begin; insert into products values ('waits', '1')`)
  const { rows } = await other.query<{ readonly xid: string }>('select pg_current_xact_id() as xid')
  await expect(opened.source.start(signal)).rejects.toMatchObject({
    code: 'DISCONNECTED',
    message: expect.stringContaining(`still running: ${rows[0]?.xid}`),
    remedy: expect.stringContaining('pg_prepared_xacts'),
  })
  await other.query('commit')
  expect(await opened.source.start(signal)).toMatchObject({ at: expect.anything() })
  await other.end()
})

test('P12 a fence is reached although nobody else writes, and changes nothing', async () => {
  await using opened = openSource(db, collections, { proveEveryMs: 60_000 })
  await using heard = await listen(opened)
  // What a transaction that is rolled back leaves in the log is not on disk yet.
  await db.admin.query(`begin; insert into products values ('x', '1'); rollback`)
  for (let n = 0; n < 5; n += 1) {
    await db.admin.query(`begin; insert into products values ('x', '1'); rollback`)
    const head = await opened.reads.head(signal)
    await heard.until(() => heard.batches.some(({ through }) => through >= head))
  }
  expect(heard.changes).toEqual([])
})

test('P13 a consumer that is slow makes the server wait instead of filling the memory', async () => {
  await using opened = openSource(db, collections, { maxReadyBytes: 100_000, proveEveryMs: 60_000 })
  const origin = await opened.source.start(signal)
  const reading = opened.source.read(origin, signal)[Symbol.asyncIterator]()
  // The first batch is consumed, and then nothing.
  await db.admin.query(`insert into products values ('first', '1')`)
  await reading.next()
  for (let n = 0; n < 60; n += 1)
    await db.admin.query(
      `insert into products select 's' || ${n} || '-' || g, repeat('x', 1000) from generate_series(1, 1000) g`,
    )
  const behind = async (): Promise<number> =>
    Number(
      (
        await db.admin.query(
          'select pg_current_wal_lsn() - sent_lsn as bytes from pg_stat_replication where application_name = $1',
          ['test-feed'],
        )
      ).rows[0]?.bytes,
    )
  expect(await behind()).toBeGreaterThan(20_000_000)
  let rows = 0
  while (rows < 60_000) {
    const { value, done } = await reading.next()
    if (done) break
    rows += value.changes.length
    expect(value.changes.length).toBeLessThan(20_000)
  }
  expect(rows).toBe(60_000)
  await reading.return?.()
})

test('P14 what is missing on the server is named with its remedy', async () => {
  await using opened = openSource(db, collections)
  await db.admin.query(`alter publication freshet rename to other`)
  await expect(opened.source.start(signal)).rejects.toThrow(
    /UNSUPPORTED: .*the publication freshet \(Create it/,
  )
  await db.admin.query(`alter publication other rename to ${publication}`)
  await db.admin.query('alter role freshet_reader noreplication')
  await expect(opened.source.start(signal)).rejects.toMatchObject({ code: 'DENIED', retry: false })
  await db.admin.query('alter role freshet_reader replication')
  await db.admin.query('revoke select on products from freshet_reader')
  await expect(
    opened.reads.read((await opened.source.start(signal)).at, 'products', ['a'], signal),
  ).rejects.toThrow(/grant select on public.products/)
  await db.admin.query('grant select on products to freshet_reader')
})

test('P14 a server without a free slot or sender is named with its remedy, and followed once one is free', async () => {
  await using opened = openSource(db, collections)
  const [limits] = (
    await db.admin.query(`select current_setting('max_replication_slots')::int as slots,
      current_setting('max_wal_senders')::int as senders`)
  ).rows
  const slotNames = Array.from({ length: Number(limits?.slots) }, (_, n) => `taken_${n}`)
  for (const name of slotNames) await db.admin.query('select pg_create_physical_replication_slot($1)', [name])
  await expect(opened.source.start(signal)).rejects.toThrow(
    /DISCONNECTED: .*all replication slots are in use \(Raise max_replication_slots and max_wal_senders/,
  )
  await db.admin.query('select pg_drop_replication_slot($1)', [slotNames[0]])
  await opened.source.start(signal)
  for (const name of slotNames.slice(1)) await db.admin.query('select pg_drop_replication_slot($1)', [name])
  const senders = await Promise.all(
    Array.from({ length: Number(limits?.senders) - 1 }, () =>
      connectForReplication(sessionsAt({ uri: db.uri, appName: 'another', withinMs: 5_000 })),
    ),
  )
  await using late = openSource(db, collections)
  await expect(late.source.start(signal)).rejects.toThrow(
    /DISCONNECTED: .*max_wal_senders.* \(Raise max_connections and max_wal_senders/,
  )
  await Promise.all(senders.map((sender) => sender.end()))
  await eventually(() => late.source.start(signal))
})

test.each([
  ['replica', {}],
  ['minimal', { max_wal_senders: '0' }],
])('P14 wal_level %s is named with its remedy', async (level, settings) => {
  await using other = await TestDatabase.open({
    settings: { wal_level: level, ...settings },
    statements: [`create publication ${publication}`],
  })
  await using opened = openSource(other, collections)
  await expect(opened.source.start(signal)).rejects.toThrow(
    `UNSUPPORTED: expected wal_level logical, got ${level} (Set it and restart the server.)`,
  )
})

test('P9 a publication that is dropped is reported at once, and followed again when it was created again', async () => {
  await using opened = openSource(db, collections)
  await using heard = await listen(opened)
  await heard.until(() => heard.batches.length > 1)
  await db.admin.query('drop publication freshet')
  await heard.until(() => heard.changes.length > 0)
  expect(inWords(heard)).toEqual(['invalidate-collection'])
  expect((await opened.reads.check(['products'], signal)).get('products')).toMatch(/is not published/)
  await expect(opened.source.start(signal)).rejects.toThrow(/the publication freshet/)
  await db.admin.query('create publication freshet for table products')
  await using again = await listen(opened)
  await db.admin.query(`insert into products values ('published', '1')`)
  await again.until(() => inWords(again).some((word) => word.startsWith('upsert published')))
})

test('P15 a restarted server loses the history, and the next start follows it', async () => {
  await using opened = openSource(db, collections)
  const origin = await opened.source.start(signal)
  await db.server.stop('fast')
  const cut = opened.source.read(origin, signal)[Symbol.asyncIterator]()
  await expect(cut.next()).rejects.toMatchObject({ code: 'DISCONNECTED', lost: false })
  // While it is down the history is not lost yet.
  await expect(opened.source.read(origin, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'DISCONNECTED',
    lost: false,
  })
  await db.server.start()
  await expect(opened.source.read(origin, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'HISTORY_LOST',
    lost: true,
  })
  expect((await opened.source.start(signal)).source).toBe(origin.source)
})

test('P19 a feed whose connection went silent is given up', async () => {
  await using proxy = await CutProxy.open(db.server.port)
  const { source, close } = postgresSource({
    uri: db.uri.replace(`:${db.server.port}/`, `:${proxy.port}/`),
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
    options: { silentAfterMs: 500, replyWithinMs: 300, proveEveryMs: 50 },
  })
  const heard = new Hearing(source, await source.start(signal))
  // An idle feed is not silent: it asks.
  const since = performance.now()
  await heard.until(() => performance.now() - since > 1_500)
  proxy.blackHole()
  expect(await heard.failure()).toMatchObject({
    code: 'DISCONNECTED',
    message: expect.stringMatching(/sent nothing/),
  })
  proxy.resume()
  await close()
})
