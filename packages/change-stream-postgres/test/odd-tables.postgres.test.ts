import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { testUser, type TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import { openDatabase } from './support/open-database.ts'
import { inWords, listen, openSource, type OpenedSource } from './support/open-source.ts'

const columns = Array.from({ length: 300 }, (_, n) => `c${n} bigint not null default 1`).join(', ')
const names = ['t', 'r', 'c', 'found', 'header', 'size', 'bytes', 'freshet_bytes', '__proto__', 'a "b" \'c\'']
const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`)

const collections: ReadonlyMap<string, IdType> = new Map<string, IdType>([
  ['named', 'string'],
  ['wide', 'string'],
  ['hidden', 'string'],
])
const tables = [
  `create table named (id text primary key, ${quoted.map((name) => `${name} text`).join(', ')})`,
  `create table wide (id text primary key, ${columns})`,
  'create table hidden (id text primary key)',
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

test('P1 the names of columns mean nothing in the statements of reads', async () => {
  await using heard = await listen(opened)
  await db.admin.query(`insert into named values ('empty')`)
  await db.admin.query(`insert into named values ('full', ${names.map(() => `'x'`).join(', ')})`)
  await heard.until(() => heard.changes.length > 1)
  const { signal } = new AbortController()
  const reply = await opened.reads.read(
    await opened.reads.head(signal),
    'named',
    ['empty', 'full'],
    signal,
    90,
  )
  if (reply.kind !== 'fenced') throw new Error(`expected a fenced reply, got ${reply.kind}`)
  const documents = [...reply.documents].map(([id, document]) => `upsert ${id} ${String(document)}`)
  expect(documents).toEqual(inWords(heard))
  expect(JSON.parse(String(reply.documents.get('empty')))).toMatchObject({ id: 'empty', t: null })
})

test('P2 a key that is stored apart is that of the row, whatever else changes', async () => {
  // Not compressible.
  const id = createHash('sha512').update('a key').digest('hex')
  await db.admin.query(`insert into wide (id) values ('${id}')`)
  await using heard = await listen(opened)
  // Nothing else of the row can be stored apart.
  await db.admin.query('update wide set c1 = 2')
  await db.admin.query(`update wide set id = 'short', c1 = 3`)
  await db.admin.query(`update wide set id = '${id}', c1 = 4`)
  await db.admin.query('delete from wide')
  await heard.until(() => heard.changes.length > 5)
  const changes = inWords(heard).map((words) => words.split(' ', 2).join(' '))
  expect(changes).toEqual([
    `invalidate ${id}`,
    `delete ${id}`,
    'upsert short',
    'delete short',
    `upsert ${id}`,
    `delete ${id}`,
  ])
})

test('P8 rows that the server hides from the user are not taken for deleted', async () => {
  await db.admin.query(`insert into hidden values ('a')`)
  await db.admin.query(`alter table hidden enable row level security; alter role ${testUser} bypassrls`)
  await using heard = await listen(opened)
  const { signal } = new AbortController()
  const read = async (): Promise<unknown> =>
    await opened.reads.read(await opened.reads.head(signal), 'hidden', ['a'], signal)
  expect(await read()).toMatchObject({ documents: new Map([['a', expect.anything()]]) })
  // No event trigger reports what changes of users.
  await db.admin.query(`alter role ${testUser} nobypassrls`)
  await expect(read()).rejects.toMatchObject({ code: 'DENIED', remedy: expect.stringContaining('BYPASSRLS') })
  expect(heard.changes).toEqual([])
})

test('P16 a read shows what is committed, without waiting for transactions, whatever their isolation is by default', async () => {
  for (const setting of [
    `default_transaction_isolation = 'serializable'`,
    'default_transaction_deferrable = on',
  ])
    await db.admin.query(`alter database postgres set ${setting}`)
  const other = await db.connect()
  try {
    await using fresh = openSource(db, collections, { replyWithinMs: 1_000 })
    await using heard = await listen(fresh)
    await other.query(`begin; insert into named values ('open')`)
    await db.admin.query(`insert into named values ('committed')`)
    await heard.until(() => heard.changes.length > 0)
    const { signal } = new AbortController()
    const head = await fresh.reads.head(signal)
    const reply = await fresh.reads.read(head, 'named', ['open', 'committed'], signal)
    expect(reply.kind === 'fenced' && [...reply.documents.keys()]).toEqual(['committed'])
  } finally {
    await other.end()
    await db.admin.query('alter database postgres reset all')
  }
})
