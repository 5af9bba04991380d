import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { openDatabase } from './support/open-database.ts'
import { inWords, listen, openSource, type OpenedSource } from './support/open-source.ts'

const names = ['t', 'r', 'c', 'found', 'header', 'size', 'bytes', 'freshet_bytes', '__proto__', 'a "b" \'c\'']
const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`)

const collections: ReadonlyMap<string, IdType> = new Map<string, IdType>([['named', 'string']])
const tables = [
  `create table named (id text primary key, ${quoted.map((name) => `${name} text`).join(', ')})`,
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
