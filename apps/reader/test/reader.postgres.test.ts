import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setUpStatements } from '@freshet/change-stream-postgres'
import { ConfigError } from '@freshet/kit'
import { TestDatabase, testUser } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import type { RunningService } from '@freshet/service'
import { appCommand, eventually } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'

const collections: ReadonlyMap<string, IdType> = new Map([
  ['products', 'string'],
  ['orders', 'string'],
])

/** A client of the reader. */
const get = (
  service: RunningService,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> => fetch(`${service.url}/v1/products${path}`, { headers })

let db: TestDatabase
let service: RunningService

const start = (uri: string, argv: readonly string[] = []): Promise<RunningService> =>
  startReader(uri, ['--database=postgres', ...argv])

beforeAll(async () => {
  db = await TestDatabase.open({
    statements: [
      'create table products (id text primary key, name text, price numeric(8,2), stock integer, tags text[])',
      'create table orders (id text primary key, product text, quantity integer, at timestamptz)',
      `insert into products values ('a', 'Anvil', 12.50, 3, '{heavy,"not red"}'), ('long', repeat('x', 200000), 0, 0, null)`,
      ...setUpStatements({ publication: 'freshet', user: testUser, collections }),
    ],
  })
  service = await start(db.uri)
  await eventually(async () => expect((await get(service, '/a')).status).toBe(200))
}, 60_000)
afterAll(async () => {
  await service.stop()
  await db[Symbol.asyncDispose]()
})

const anvil = '{"id":"a","name":"Anvil","price":"12.50","stock":3,"tags":["heavy","not red"]}'

test('rows of an existing PostgreSQL table are served with position, ETag and conditions', async () => {
  const answer = await get(service, '/a')
  expect(await answer.text()).toBe(anvil)
  expect(answer.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  const etag = answer.headers.get('etag') ?? ''
  expect((await get(service, '/a', { 'If-None-Match': etag })).status).toBe(304)
  expect((await get(service, '/none')).status).toBe(404)
  expect((await get(service, '/a/b')).status).toBe(404)
  const deleted = await fetch(`${service.url}/v1/products/a`, { method: 'DELETE' })
  expect(deleted.status).toBe(405)
})

test('a document that is larger than a read fetches at once is read with its size', async () => {
  const answer = await get(service, '/long')
  expect(answer.status).toBe(200)
  expect(JSON.parse(await answer.text()).name).toHaveLength(200_000)
})

test('a change is answered from the feed with the same bytes as from the table', async () => {
  await db.admin.query(`update products set stock = stock - 1 where id = 'a'`)
  const now = { 'Freshet-At-Least': 'now' }
  const fed = await get(service, '/a', now)
  const body = await fed.text()
  expect(body).toBe(anvil.replace('"stock":3', '"stock":2'))
  // Another reader reads the row from the table.
  const other = await start(db.uri)
  try {
    const filled = await eventually(async () => {
      const answer = await get(other, '/a', now)
      expect(answer.status).toBe(200)
      return answer
    })
    expect(await filled.text()).toBe(body)
    expect(filled.headers.get('etag')).toBe(fed.headers.get('etag'))
    // Positions of one are understood by the other.
    const at = filled.headers.get('freshet-position') ?? ''
    expect((await get(service, '/a', { 'Freshet-At-Least': at })).status).toBe(200)
  } finally {
    await other.stop()
  }
  await db.admin.query(`delete from products where id = 'a'`)
  expect((await get(service, '/a', now)).status).toBe(404)
  await db.admin.query(`insert into products values ('a', 'Anvil', 12.50, 3, '{heavy,"not red"}')`)
  expect(await (await get(service, '/a', now)).text()).toBe(anvil)
})

test('a changed table is served with its new columns from its position on', async () => {
  expect((await get(service, '/a')).status).toBe(200)
  await db.admin.query(`alter table products add column colour text default 'grey'`)
  const answer = await get(service, '/a', { 'Freshet-At-Least': 'now' })
  expect(await answer.text()).toBe(anvil.replace('}', ',"colour":"grey"}'))
  await db.admin.query('alter table products drop column colour')
  expect(await (await get(service, '/a', { 'Freshet-At-Least': 'now' })).text()).toBe(anvil)
})

test('while the database restarts, the cached state is served; afterwards it is followed again', async () => {
  expect((await get(service, '/a')).status).toBe(200)
  await db.server.stop('fast')
  expect(await (await get(service, '/a')).text()).toBe(anvil)
  await db.server.start()
  await using client = await connected()
  await client.query(`update products set stock = 7 where id = 'a'`)
  await eventually(async () => {
    const answer = await get(service, '/a', { 'Freshet-At-Least': 'now' })
    expect(await answer.text()).toBe(anvil.replace('"stock":3', '"stock":7'))
  })
})

/** The superuser's session did not survive the restart. */
async function connected() {
  const client = await db.connect()
  return {
    query: (statement: string) => client.query(statement),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

test('a reader on PostgreSQL refuses a user who may write, and reports its layers', async () => {
  const status: unknown = await (await fetch(`${service.managementUrl}/statusz`)).json()
  expect(status).toMatchObject({
    guard: { user: testUser, layers: { statements: 'standing', role: 'standing', canary: 'standing' } },
  })
  const refusal: unknown = await start(db.server.uri()).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(ConfigError)
  expect(String(refusal)).toMatch(
    /--postgres-uri-file: UNSUPPORTED: the user postgres may write: it is a superuser/,
  )
  const args = ['--port=0', '--management-port=0', '--database=postgres', '--no-tokens']
  const files = `--collections=${join(import.meta.dirname, '../../../collections')}`
  const child = spawn(process.execPath, [...appCommand('reader'), ...args, files], {
    env: { PATH: process.env['PATH'], FRESHET_POSTGRES_URI: db.server.uri() },
    stdio: 'ignore',
  })
  expect(await once(child, 'exit')).toEqual([78, null])
})

test('a table that may not be read is refused with the true problem, until it may be again', async () => {
  await using client = await connected()
  await client.query(`insert into products (id, name) values ('secret', 'Secret')`)
  const other = await start(db.uri)
  try {
    await eventually(async () => expect((await get(other, '/a')).status).toBe(200))
    await client.query(`revoke select on products from ${testUser}`)
    const refused = await get(other, '/secret')
    expect([refused.status, await refused.json()]).toEqual([
      503,
      expect.objectContaining({ type: 'https://freshet.dev/problems/source-refused' }),
    ])
    expect((await get(other, '/a')).status).toBe(200)
    await client.query(`grant select on products to ${testUser}`)
    expect((await get(other, '/secret')).status).toBe(200)
  } finally {
    await other.stop()
  }
})

test('a reader needs the URI of one database, and messages need MongoDB', async () => {
  await expect(start(db.uri, ['--messages'])).rejects.toThrow(/messages are stored in MongoDB/)
  await expect(start('https://example.org/')).rejects.toThrow(/expected postgres:\/\//)
})
