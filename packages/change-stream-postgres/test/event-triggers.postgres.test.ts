import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { TestDatabase } from '@freshet/postgres'
import { ddlFunction, eventTriggerStatements } from '@freshet/postgres-rules'
import type { IdType } from '@freshet/protocol'
import { openDatabase } from './support/open-database.ts'
import { openSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])
const { signal } = new AbortController()

let db: TestDatabase

beforeAll(async () => {
  db = await openDatabase({
    collections,
    tables: ['create table products (id text primary key, value text)'],
  })
}, 60_000)
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

test.each([
  [
    'a dropped event trigger',
    'drop event trigger freshet_drop',
    'create the event triggers freshet_ddl and freshet_drop',
  ],
  [
    'a disabled event trigger',
    'alter event trigger freshet_drop disable',
    'alter event trigger freshet_drop enable always',
  ],
  [
    'an event trigger of an earlier release',
    'alter event trigger freshet_ddl enable',
    'alter event trigger freshet_ddl enable always',
  ],
  [
    'a function of an earlier release',
    `create or replace function ${ddlFunction.replace(`'composite type', `, '')}`,
    'replace the function public.freshet_ddl',
  ],
])('P8 with %s, tables are refused with what to run', async (_, statement, remedy) => {
  await using opened = openSource(db, collections)
  await db.admin.query(statement)
  const fault = (await opened.reads.check(['products'], signal)).get('products')
  expect(fault).toMatch(/^changes of its definition are not all reported: run the migration again/)
  expect(fault).toContain(remedy)
  await db.admin.query('drop event trigger if exists freshet_ddl; drop event trigger if exists freshet_drop')
  await db.admin.query(`create or replace function ${ddlFunction}`)
  for (const { create, enable } of Object.values(eventTriggerStatements))
    await db.admin.query(`${create}; ${enable}`)
  expect((await opened.reads.check(['products'], signal)).get('products')).toBeUndefined()
})

test('P8 a function of a later release, which reports more, is accepted', async () => {
  await using opened = openSource(db, collections)
  await db.admin.query(`create or replace function ${ddlFunction.replace(`array['`, `array['view', '`)}`)
  expect((await opened.reads.check(['products'], signal)).get('products')).toBeUndefined()
  await db.admin.query(`create or replace function ${ddlFunction}`)
})
