import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { testUser, type TestDatabase } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { Client } from 'pg'
import { postgresSource } from '../src/index.ts'
import { openDatabase, publication } from './support/open-database.ts'
import { openSource } from './support/open-source.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])

let db: TestDatabase

beforeAll(async () => {
  db = await openDatabase({
    collections,
    tables: [
      'create table products (id text primary key, value integer)',
      'create table others (id serial primary key, value integer)',
      'create view a_view as select * from others',
    ],
  })
}, 60_000)
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

test('P17 a user who can only read is accepted, and an insert of this user is refused', async () => {
  await using opened = openSource(db, collections)
  await opened.user.prove()
  expect(opened.user.status()).toEqual({
    user: testUser,
    layers: { statements: 'standing', role: 'standing', canary: 'standing' },
    fault: undefined,
  })
})

const role = `create role also nologin; grant also to ${testUser}`

test.each<[right: RegExp, grant: string, revoke: string]>([
  [/it is a superuser/, `alter role ${testUser} superuser`, `alter role ${testUser} nosuperuser`],
  [/may create roles/, `alter role ${testUser} createrole`, `alter role ${testUser} nocreaterole`],
  [/may create databases/, `alter role ${testUser} createdb`, `alter role ${testUser} nocreatedb`],
  [
    /member of pg_write_all_data/,
    `grant pg_write_all_data to ${testUser}`,
    `revoke pg_write_all_data from ${testUser}`,
  ],
  [
    /member of pg_execute_server_program/,
    `grant pg_execute_server_program to ${testUser}`,
    `revoke pg_execute_server_program from ${testUser}`,
  ],
  [
    /create in the database postgres/,
    `grant create on database postgres to ${testUser}`,
    `revoke create on database postgres from ${testUser}`,
  ],
  [
    /create in the schema public/,
    'grant create on schema public to public',
    'revoke create on schema public from public',
  ],
  [
    /write to public\.products/,
    `grant insert on products to ${testUser}`,
    `revoke insert on products from ${testUser}`,
  ],
  [/write to public\.others/, `grant truncate on others to public`, `revoke truncate on others from public`],
  [
    /write to public\.others/,
    `grant update (value) on others to ${testUser}`,
    `revoke update (value) on others from ${testUser}`,
  ],
  [
    /write to public\.a_view/,
    `grant delete on a_view to ${testUser}`,
    `revoke delete on a_view from ${testUser}`,
  ],
  [
    /write to public\.others/,
    `alter table others owner to ${testUser}`,
    'alter table others owner to postgres',
  ],
  [
    /sequence public\.others_id_seq/,
    `grant usage on sequence others_id_seq to ${testUser}`,
    `revoke usage on sequence others_id_seq from ${testUser}`,
  ],
  [
    /write to public\.others/,
    `${role}; grant update on others to also`,
    'drop owned by also; drop role also',
  ],
  [/it may create databases/, `${role}; alter role also createdb`, 'drop role also'],
  [
    /call public\.f\(\), which has the rights of its owner/,
    `create function public.f() returns void language sql security definer as 'delete from products'`,
    'drop function public.f()',
  ],
  [
    /transactions may write by default/,
    `alter role ${testUser} reset default_transaction_read_only`,
    `alter role ${testUser} set default_transaction_read_only = on`,
  ],
])('P17 a user with a right to write is refused: %s', async (right, grant, revoke) => {
  await db.admin.query(grant)
  try {
    await using opened = openSource(db, collections)
    await expect(opened.user.prove()).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(right),
    })
    expect(opened.user.status().fault).toMatch(right)
    // Rights may change later: each start checks them again.
    await expect(opened.source.start(new AbortController().signal)).rejects.toThrow(right)
  } finally {
    await db.admin.query(revoke)
  }
})

test('P17 the superuser is refused', async () => {
  const { user, close } = postgresSource({
    uri: db.server.uri(),
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
  })
  await expect(user.prove()).rejects.toThrow(/the user postgres may write: it is a superuser \(/)
  await close()
})

test('P18 the server refuses this user every way to write, even in transactions that may write', async () => {
  const client = new Client({ connectionString: db.uri })
  await client.connect()
  await db.admin.query(`insert into products values ('a', 1)`)
  const attacks = [
    `insert into products values ('x', 1)`,
    `update products set value = 2`,
    'delete from products',
    'truncate products',
    'drop table products',
    'alter table products add column c integer',
    `with gone as (delete from products returning *) select * from gone`,
    `merge into products p using (select 1) s on p.id = 'a' when matched then delete`,
    `copy products from program 'echo x'`,
    `copy products to '/tmp/freshet-attack'`,
    `do $$ begin delete from products; end $$`,
    'select * from products for update',
    `select nextval('others_id_seq')`,
    'create table public.mine (id integer)',
    'create extension dblink',
    `select lo_import('/etc/passwd')`,
    `select pg_read_file('/etc/passwd')`,
    'alter system set fsync = off',
    `alter role ${testUser} superuser`,
    'set role postgres',
    'drop publication freshet',
  ]
  for (const attack of attacks) {
    await client.query('begin; set transaction read write')
    const outcome = await client.query(attack).then(
      () => 'done',
      (error: unknown) => String(Reflect.get(Object(error), 'code')),
    )
    await client.query('rollback')
    expect([attack, outcome]).toEqual([attack, expect.stringMatching(/^(42501|0A000|25001|42883)$/)])
  }
  await client.end()
  expect((await db.admin.query('select * from products')).rows).toEqual([{ id: 'a', value: 1 }])
})
