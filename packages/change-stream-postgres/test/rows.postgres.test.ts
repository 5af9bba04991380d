import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { openDatabase } from './support/open-database.ts'
import { inWords, listen, openSource, type OpenedSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map<string, IdType>([
  ['all_types', 'integer'],
  ['texts', 'string'],
  ['keys', 'uuid'],
])

const values: readonly (readonly [type: string, value: string, json: string])[] = [
  ['boolean', 'true', 'true'],
  ['smallint', '-5', '-5'],
  ['bigint', '9007199254740991', '9007199254740991'],
  ['bigint', '9007199254740993', '"9007199254740993"'],
  ['numeric(30,2)', '12.50', '"12.50"'],
  ['numeric', `'NaN'`, '"NaN"'],
  ['real', '0.1', '0.1'],
  ['double precision', '1e300', '1e+300'],
  ['double precision', `'-Infinity'`, '"-Infinity"'],
  ['text', `'a "quoted" \\ ü 🐘 ' || chr(10)`, '"a \\"quoted\\" \\\\ ü 🐘 \\n"'],
  ['varchar(9)', 'null', 'null'],
  ['char(4)', `'ab'`, '"ab  "'],
  ['uuid', `'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'`, '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  ['bytea', `'\\x00ff10'`, '"AP8Q"'],
  ['date', `'2024-02-29'`, '"2024-02-29"'],
  ['timestamptz', `'2024-02-29 13:14:15.1234+02'`, '"2024-02-29T11:14:15.1234Z"'],
  ['timestamp', `'2024-02-29 13:14:15'`, '"2024-02-29T13:14:15"'],
  ['timestamptz', `'infinity'`, '"infinity"'],
  ['timestamptz', `'0044-03-15 00:00:00+00 BC'`, '"0044-03-15 00:00:00+00 BC"'],
  ['interval', `'1 day 2 hours'`, '"P1DT2H"'],
  ['json', `'{"b": 1,  "a": [1.50, null]}'`, '{"b": 1,  "a": [1.50, null]}'],
  ['jsonb', `'{"b": 1,  "a": [1.50, null]}'`, '{"a": [1.50, null], "b": 1}'],
  ['integer[]', `'{{1,2},{3,null}}'`, '[[1,2],[3,null]]'],
  ['text[]', `array['a,b', '"', '\\', 'NULL', '', null, '{']`, '["a,b","\\"","\\\\","NULL","",null,"{"]'],
  ['timestamptz[]', `array['2024-02-29 13:14:15+00'::timestamptz]`, '["2024-02-29T13:14:15Z"]'],
  ['jsonb[]', `array['{"a": "}"}'::jsonb]`, '[{"a": "}"}]'],
  ['integer[]', `'{}'`, '[]'],
  ['integer[]', `'[0:1]={1,2}'`, '"[0:1]={1,2}"'],
  ['inet', `'10.0.0.0/8'`, '"10.0.0.0/8"'],
  ['mood', `'fine'`, '"fine"'],
  ['positive', '7', '"7"'],
  ['int4range', `'[1,5)'`, '"[1,5)"'],
]

const tables = [
  `create type mood as enum ('fine', 'sad')`,
  'create domain positive as integer check (value > 0)',
  `create table all_types (id integer primary key, ${values.map(([type], n) => `c${n} ${type}`).join(', ')})`,
  'create table texts (id text primary key, value integer, long text)',
  'create materialized view a_copy as select 1 as one',
  'create table keys (id uuid primary key, value integer)',
]

let db: TestDatabase
let opened: OpenedSource

beforeAll(async () => {
  db = await openDatabase({ collections, tables })
  // Defaults of the server must not change a byte.
  await db.admin.query(`alter database postgres set DateStyle = 'SQL, DMY'`)
  await db.admin.query(`alter database postgres set TimeZone = 'Asia/Tokyo'`)
  await db.admin.query(`alter database postgres set bytea_output = 'escape'`)
  await db.admin.query(`alter database postgres set extra_float_digits = 0`)
  opened = openSource(db, collections, { maxOpenBytes: 20_000 })
}, 60_000)
afterAll(async () => {
  await opened[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await db.admin.query('truncate texts, keys')
})

async function read(collection: string, id: string): Promise<string | undefined> {
  const { signal } = new AbortController()
  const head = await opened.reads.head(signal)
  const reply = await opened.reads.read(head, collection, [id], signal)
  if (reply.kind !== 'fenced') throw new Error(`expected a fenced reply, got ${reply.kind}`)
  const document = reply.documents.get(id)
  return document && Buffer.from(document).toString()
}

test('P1 the feed and a read give the same bytes for every type, whatever the defaults of the server', async () => {
  await using heard = await listen(opened)
  await db.admin.query(`insert into all_types values (1, ${values.map(([, value]) => value).join(', ')})`)
  await heard.until(() => heard.changes.length > 0)
  const expected = `{"id":1${values.map(([, , json], n) => `,"c${n}":${json}`).join('')}}`
  expect(inWords(heard)).toEqual([`upsert 1 ${expected}`])
  expect(await read('all_types', '1')).toBe(expected)
  expect(JSON.parse(expected)).toBeTruthy()
})

test('P2 a value that did not change and is stored apart is not guessed', async () => {
  // Not compressible, so it is stored apart.
  await db.admin.query(
    `insert into texts values ('a', 1, (select string_agg(md5(n::text), '') from generate_series(1, 500) n))`,
  )
  await using heard = await listen(opened)
  await db.admin.query(`update texts set value = 2 where id = 'a'`)
  await heard.until(() => heard.changes.length > 0)
  expect(inWords(heard)).toEqual(['invalidate a'])
  expect(await read('texts', 'a')).toMatch(/"value":2,"long":"c4ca4238a0b923820dcc509a6f75849b/)
})

test('P3 a changed key deletes one document and creates another', async () => {
  await db.admin.query(`insert into texts values ('a', 1)`)
  await using heard = await listen(opened)
  await db.admin.query(`update texts set id = 'b' where id = 'a'`)
  await db.admin.query(`update texts set id = 'not a valid id' where id = 'b'`)
  await db.admin.query(`update texts set id = 'c' where value = 1`)
  await heard.until(() => heard.changes.length > 3)
  expect(inWords(heard)).toEqual([
    'delete a',
    'upsert b {"id":"b","value":1,"long":null}',
    'delete b',
    'upsert c {"id":"c","value":1,"long":null}',
  ])
})

test('P4 a truncated table is emptied at its place in the transaction; what was rolled back is not reported', async () => {
  await using heard = await listen(opened)
  await db.admin.query(`
    begin;
    insert into texts values ('a', 1);
    savepoint one;
    insert into texts values ('b', 2);
    rollback to one;
    truncate texts;
    insert into texts values ('c', 3);
    savepoint two;
    insert into keys values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 4);
    release two;
    commit;
    begin;
    insert into texts values ('d', 5);
    rollback;
    insert into texts values ('e', 6);`)
  await heard.until(() => inWords(heard).some((word) => word.startsWith('upsert e')))
  expect(inWords(heard)).toEqual([
    'upsert a {"id":"a","value":1,"long":null}',
    'drop-collection',
    'upsert c {"id":"c","value":3,"long":null}',
    'upsert a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 {"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","value":4}',
    'upsert e {"id":"e","value":6,"long":null}',
  ])
})

test('P5 a changed definition invalidates the collections at its own position', async () => {
  await db.admin.query(`insert into keys values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1)`)
  await using heard = await listen(opened)
  await db.admin.query(`insert into texts values ('before', 1)`)
  await heard.until(() => heard.changes.length > 0)
  const read1 = await read('keys', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')
  expect(read1).toBe('{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","value":1}')
  // No row is written, and still every document has changed.
  await db.admin.query(`alter table keys add column extra text default 'x'`)
  await heard.until(() => heard.changes.length > collections.size)
  expect(heard.changes).toContainEqual({ kind: 'invalidate-collection', collection: 'keys' })
  const { signal } = new AbortController()
  // The statement was made for the old columns.
  const reply = await opened.reads.read(await opened.reads.head(signal), 'keys', [], signal)
  expect(reply.kind).toBe('behind-feed')
  expect(await read('keys', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')).toBe(
    '{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","value":1,"extra":"x"}',
  )
  const invalidated = heard.changes.length
  await db.admin.query('create temporary table of_a_session (id integer)')
  await db.admin.query('create index on texts (value)')
  await db.admin.query('refresh materialized view a_copy')
  // The server describes only the changed table again.
  await db.admin.query(`insert into texts values ('a', 1)`)
  await heard.until(() => heard.changes.length > invalidated)
  expect(inWords(heard).slice(invalidated)).toEqual(['upsert a {"id":"a","value":1,"long":null}'])
  await db.admin.query('update keys set value = 2')
  await heard.until(() => inWords(heard).some((word) => word.startsWith('upsert a0eebc99')))
  await db.admin.query('alter table keys drop column extra')
  await expect(read('keys', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')).rejects.toThrow(/does not exist/)
  expect(await read('keys', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')).toBe(
    '{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","value":2}',
  )
})

test('P6 a large transaction is held as keys, and a larger one as collections', async () => {
  await using heard = await listen(opened)
  const insert = (from: number, to: number): Promise<unknown> =>
    db.admin.query(
      `insert into texts select 'k' || n, n, repeat('x', 200) from generate_series(${from}, ${to}) n`,
    )
  await insert(1, 80)
  await heard.until(() => heard.changes.length >= 80)
  expect(new Set(heard.changes.map(({ kind }) => kind))).toEqual(new Set(['invalidate']))
  await insert(100, 1_000)
  await heard.until(() => heard.changes.length > 80)
  expect(heard.changes.slice(80)).toEqual([{ kind: 'invalidate-collection', collection: 'texts' }])
})

test('P7 a document above the limit of a read is not fetched, and its size is reported', async () => {
  await db.admin.query(`insert into texts values ('large', 1, repeat('x', 100000)), ('small', 2, 'y')`)
  const { signal } = new AbortController()
  const head = await opened.reads.head(signal)
  const reply = await opened.reads.read(head, 'texts', ['large', 'small', 'none'], signal, 1_000)
  expect(reply).toMatchObject({ kind: 'fenced', sizes: new Map([['large', 100_010]]) })
  expect(reply.kind === 'fenced' && [...reply.documents.keys()]).toEqual(['small'])
  const sizes = await opened.reads.read(head, 'texts', ['large', 'small', 'none'], signal, 0)
  expect(sizes).toMatchObject({
    documents: new Map(),
    sizes: new Map([
      ['large', 100_010],
      ['small', 11],
    ]),
  })
})
