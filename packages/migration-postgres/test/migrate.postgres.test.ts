import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { startPostgres, type Postgres } from '@freshet/postgres'
import { ddlFunction } from '@freshet/postgres-rules'
import type { CollectionPlace } from '@freshet/protocol'
import { Client } from 'pg'
import { migratePostgres, withCredentials, type PostgresMigrationOptions } from '../src/index.ts'

let server: Postgres
let admin: Client
beforeAll(async () => {
  server = await startPostgres({
    settings: { wal_level: 'logical', log_statement: 'all', log_destination: 'stderr' },
  })
  admin = await connect(server.uri())
})
afterAll(async () => {
  await admin.end()
  await server.close()
})

async function connect(uri: string): Promise<Client> {
  const client = new Client({ connectionString: uri })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

const collections: ReadonlyMap<string, CollectionPlace> = new Map<string, CollectionPlace>([
  ['products', 'string'],
  ['orders', { idType: 'integer', stored: 'sales.orders' }],
])

const migrate = (database: string, more: Partial<PostgresMigrationOptions> = {}) =>
  migratePostgres({ uri: server.uri(), database, collections, passwords: {}, ...more })

test('the reader accepts its user and all tables, and the second run changes nothing', async () => {
  const { changes, passwords } = await migrate('shop')
  expect(changes).toEqual(
    expect.arrayContaining(['database shop', 'table sales.orders', 'row of freshet.control']),
  )
  const again = await migrate('shop', { passwords, ownUsersOnly: true })
  expect(again.changes).toEqual([])
  const { user, reads, source, close } = postgresSource({
    uri: withCredentials(server.uri(), {
      user: 'freshet_reader_shop',
      password: passwords['freshet-reader'] ?? '',
      database: 'shop',
    }),
    appName: 'test',
    publication: 'freshet',
    collections,
    clock: systemClock,
  })
  try {
    await user.prove()
    const faults = await reads.check([...collections.keys()], AbortSignal.timeout(5_000))
    expect([...faults.values()]).toEqual([undefined, undefined])
    expect(user.status()).toMatchObject({ layers: { role: 'standing', canary: 'standing' } })
    await source.start(AbortSignal.timeout(5_000))
  } finally {
    await close()
  }
})

test('what was dropped is created again, and tables that exist are served as they are', async () => {
  const { passwords } = await migrate('repair')
  const db = await connect(server.uri('repair'))
  await db.query(`drop event trigger freshet_ddl; drop publication freshet; revoke select on products from freshet_reader_repair;
    create table own (id uuid primary key, name text)`)
  const places = new Map(collections).set('own', { idType: 'uuid', stored: 'own' })
  const { changes } = await migrate('repair', { collections: places, passwords })
  expect(changes).toEqual([
    'publication freshet',
    'publication of public.products',
    'publication of sales.orders',
    'publication of public.own',
    'event trigger freshet_ddl',
    'rights of freshet_reader_repair: SELECT on "public"."products"',
    'rights of freshet_reader_repair: SELECT on "public"."own"',
    'rights of freshet_writer_repair: SELECT, INSERT, UPDATE, DELETE on "public"."own"',
    'rights of freshet_auditor_repair: SELECT on "public"."own"',
  ])
  await db.end()
})

test('a database that an earlier release prepared is brought up to date, and then a reader accepts it', async () => {
  const { passwords } = await migrate('earlier')
  const db = await connect(server.uri('earlier'))
  await db.query(`create or replace function ${ddlFunction.replace(`'composite type', `, '')}`)
  await db.query('alter event trigger freshet_ddl enable; alter event trigger freshet_drop disable')
  const reader = {
    user: 'freshet_reader_earlier',
    password: passwords['freshet-reader'] ?? '',
    database: 'earlier',
  }
  const { reads, close } = postgresSource({
    uri: withCredentials(server.uri(), reader),
    appName: 'test',
    publication: 'freshet',
    collections,
    clock: systemClock,
  })
  const faults = async (): Promise<readonly (string | undefined)[]> => [
    ...(await reads.check([...collections.keys()], AbortSignal.timeout(5_000))).values(),
  ]
  try {
    const refused = expect.stringContaining('run the migration again')
    expect(await faults()).toEqual([refused, refused])
    expect((await migrate('earlier', { passwords })).changes).toEqual([
      'function public.freshet_ddl',
      'event trigger freshet_ddl in all sessions',
      'event trigger freshet_drop in all sessions',
    ])
    expect(await faults()).toEqual([undefined, undefined])
    expect((await migrate('earlier', { passwords })).changes).toEqual([])
  } finally {
    await close()
    await db.end()
  }
})

test('an event trigger that is created again is reported to running readers, and a run without changes is not', async () => {
  await migrate('told')
  const told = await connect(server.uri('told'))
  await told.query(`drop event trigger freshet_ddl`)
  await told.query(`select pg_create_logical_replication_slot('told', 'pgoutput')`)
  const reports = async (): Promise<number> => {
    const { rows } = await told.query(
      `select count(*)::int as count from pg_logical_slot_get_binary_changes('told', null, null,
         'proto_version', '1', 'publication_names', 'freshet', 'messages', 'true')
       where position('freshet.ddl'::bytea in data) > 0`,
    )
    return Number(rows[0].count)
  }
  try {
    expect((await migrate('told')).changes).toEqual(['event trigger freshet_ddl'])
    expect(await reports()).toBe(1)
    expect((await migrate('told')).changes).toEqual([])
    expect(await reports()).toBe(0)
  } finally {
    await told.query(`select pg_drop_replication_slot('told')`)
    await told.end()
  }
})

test('a migration that ends before its commit leaves nothing, and the next one completes it', async () => {
  await admin.query('create database half')
  const blocker = await connect(server.uri('half'))
  // Holds the lock that serializes migrations.
  await blocker.query('begin; select pg_advisory_xact_lock(6113742001)')
  const stop = new AbortController()
  const running = migrate('half', { signal: stop.signal })
  const waiting = `select from pg_locks where locktype = 'advisory' and not granted`
  while ((await admin.query(waiting)).rowCount === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('stopped'))
  await expect(running).rejects.toThrow('stopped')
  await blocker.end()
  const { changes } = await migrate('half')
  expect(changes[0]).toBe('user freshet_reader_half')
  expect(changes).toContain('row of freshet.control')
})

test('a user who is no superuser is refused, and nothing is created', async () => {
  await admin.query(`create role weak login createdb password 'weak'`)
  await admin.query('create database weak owner weak')
  const uri = withCredentials(server.uri(), { user: 'weak', password: 'weak', database: 'weak' })
  await expect(migrate('weak', { uri })).rejects.toThrow(/^NOT_ALLOWED/)
  const db = await connect(server.uri('weak'))
  expect((await db.query(`select from pg_namespace where nspname = 'freshet'`)).rowCount).toBe(0)
  await db.end()
})

test('users with other passwords are not taken over, unless that is asked for', async () => {
  await migrate('shop')
  const passwords = { 'freshet-writer': 'another one' }
  await expect(migrate('shop', { passwords, ownUsersOnly: true })).rejects.toThrow(/^USERS_OF_OTHERS/)
  expect((await migrate('shop', { passwords })).changes).toEqual(['password of freshet_writer_shop'])
})

test('no password is in a statement, and so in no log of the server', async () => {
  const { passwords } = await migrate('secret')
  const db = await connect(server.uri('secret'))
  const { rows } = await db.query('select rolpassword from pg_authid where rolname = $1', [
    'freshet_writer_secret',
  ])
  expect(rows[0]?.rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/)
  expect(server.printed).not.toContain(passwords['freshet-writer'])
  await db.end()
})

test('a server without logical decoding is refused with what to change', async () => {
  await using other = await startPostgres()
  await expect(migrate('shop', { uri: other.uri() })).rejects.toThrow(
    /^UNSUPPORTED: wal_level must be logical/,
  )
  await expect(migrate('shop', { uri: 'postgres://a:b@127.0.0.1:1/x' })).rejects.toThrow(/^UNREACHABLE/)
  await expect(migrate('shop', { uri: 'mysql://a' })).rejects.toThrow(/^BAD_ADDRESS/)
})
