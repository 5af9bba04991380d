import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { openDatabase } from './support/open-database.ts'
import { inWords, listen, openSource, type OpenedSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map<string, IdType>([
  ['people', 'string'],
  ['others', 'string'],
])
const tables = [
  `create type address as (street text, city text)`,
  `create type mood as enum ('fine', 'sad')`,
  `create table people (id text primary key, home address, mood mood, value integer)`,
  'create table others (id text primary key, value integer)',
]

let db: TestDatabase
let opened: OpenedSource

beforeAll(async () => {
  db = await openDatabase({ collections, tables })
  opened = openSource(db, collections)
}, 60_000)
afterAll(async () => {
  await opened[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

test.each([
  `alter type address add attribute country text`,
  `alter type address rename attribute city to town`,
  `alter type address drop attribute country`,
  `alter type mood rename value 'sad' to 'grave'`,
  `alter domain age add check (value > 0)`,
  `drop domain age`,
])('P5 %s invalidates the collections', async (statement) => {
  await db.admin.query('drop domain if exists age; create domain age as integer')
  await using heard = await listen(opened)
  await db.admin.query(statement)
  await db.admin.query(`insert into people values ('a')`)
  await db.admin.query(`delete from people`)
  await heard.until(() => inWords(heard).includes('delete a'))
  expect(inWords(heard)).toContain('invalidate-collection')
})

test('P5 a change by a session that replays data of another server, which fires no ordinary triggers, is reported', async () => {
  await using heard = await listen(opened)
  const other = await db.connect()
  await other.query('set session_replication_role = replica')
  await other.query('alter table others add column note text')
  await other.query(`insert into others values ('a')`)
  await heard.until(() => inWords(heard).some((word) => word.startsWith('upsert a')))
  expect(inWords(heard)).toContain('invalidate-collection')
  await other.query('alter table others drop column note; delete from others')
  await heard.until(() => inWords(heard).includes('delete a'))
  await other.end()
})

test('P5 a transaction that wrote before a type was changed, and ends afterwards, shows nothing as it was printed before', async () => {
  await db.admin.query(`insert into people values ('a', null, 'fine', 1), ('b', null, 'fine', 1)`)
  await using heard = await listen(opened)
  const other = await db.connect()
  await other.query('begin')
  await other.query(`update people set value = 2 where id = 'a'`)
  await db.admin.query(`alter type mood rename value 'fine' to 'superb'`)
  await other.query('commit')
  await other.end()
  await heard.until(() => inWords(heard).some((word) => word.endsWith(' a') || word.startsWith('upsert a')))
  expect(inWords(heard)).toEqual(['invalidate-collection', 'invalidate-collection', 'invalidate a'])
  // Later ones are whole again.
  await eventually(async () => {
    await db.admin.query(`update people set value = value + 1 where id = 'b'`)
    expect(inWords(heard).at(-1)).toMatch(/^upsert b .*"superb"/)
  })
})

test('P9 a table that is published is served when all transactions that wrote to it before have ended', async () => {
  await using heard = await listen(opened)
  const { signal } = new AbortController()
  const fault = async (): Promise<string | undefined> =>
    (await opened.reads.check(['others'], signal)).get('others')
  const reports = (): number =>
    heard.changes.filter((change) => 'collection' in change && change.collection === 'others').length
  await db.admin.query(`insert into others values ('a', 1)`)
  const [other, later] = [await db.connect(), await db.connect()]
  await other.query('begin')
  await other.query('update others set value = 2')
  // It is published since the feed began.
  expect(await fault()).toBeUndefined()
  // Nothing tells that it was unpublished for a moment. What the transaction wrote is not in the feed.
  await db.admin.query('alter publication freshet drop table others')
  await db.admin.query('alter publication freshet add table others')
  expect(await fault()).toMatch(/transactions that wrote to it before/)
  await later.query(`begin; insert into others values ('b', 1)`)
  const before = reports()
  await other.query('commit')
  await eventually(() => expect(reports()).toBeGreaterThan(before))
  // Those that wrote afterwards are not waited for.
  expect(await fault()).toBeUndefined()
  await later.query('commit')
  await heard.until(() => inWords(heard).some((word) => word.startsWith('upsert b')))
  await Promise.all([other.end(), later.end()])
})
