import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { TestDatabase, testUser } from '@freshet/postgres'
import { setUpStatements } from '@freshet/postgres-rules'
import { eventually } from '@freshet/testkit'
import { ABSENT, asRows, openReplica } from '../src/index.ts'

let db: TestDatabase

beforeAll(async () => {
  db = await TestDatabase.open({
    statements: [
      'create table orders (id integer primary key, total numeric, lines jsonb)',
      `insert into orders values (1, 12.50, '[{"n": 1}]')`,
      ...setUpStatements({
        publication: 'freshet',
        user: testUser,
        collections: new Map([['orders', 'integer']]),
      }),
    ],
  })
}, 60_000)
afterAll(() => db[Symbol.asyncDispose]())

const open = (uri: string) =>
  openReplica({
    uri,
    database: 'postgres',
    collections: { orders: 'integer' },
    encoder: asRows,
    handlers: { service: 'test' },
  })

test('E5 rows are frozen at every depth, and numbers are those that readers serve', async () => {
  await using replica = await open(db.uri)
  const { values } = await replica.many('orders', ['1', '2'])
  const [one = ABSENT, two] = values
  if (one === ABSENT) throw new Error('expected a row')
  expect(one.row).toEqual({ id: 1, total: '12.50', lines: [{ n: 1 }] })
  expect(two).toBe(ABSENT)
  expect(() => Object.assign(one.row, { id: 2 })).toThrow(TypeError)
  expect(() => Object.assign(Object(one.row['lines'])[0], { n: 2 })).toThrow(TypeError)
})

test('E5 a handler receives changes by SQL, and a reset after a lost connection', async () => {
  await using replica = await open(db.uri)
  const heard: unknown[] = []
  replica.onChange({
    name: 'orders',
    collections: ['orders'],
    handle: async ({ id, at }) => {
      const { values } = await replica.get('orders', id, { atLeast: at })
      heard.push([id, values.map((value) => (value === ABSENT ? 'absent' : value.row['total']))])
    },
    reset: (reason) => void heard.push(reason),
  })
  await db.admin.query(`insert into orders values (7, 1.00, null)`)
  await db.admin.query(`delete from orders where id = 7`)
  await eventually(() => expect(heard.at(-1)).toEqual(['7', ['absent']]))
  await db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_replication where application_name = 'freshet-replica-feed'`,
  )
  await eventually(() => expect(heard.at(-1)).toBe('HISTORY_LOST'))
  await db.admin.query(`update orders set total = 13 where id = 1`)
  await eventually(() => expect(heard.at(-1)).toEqual(['1', ['13']]))
})

test('E6 a user of PostgreSQL who may write is rejected, the message says what to do, and nothing is left open', async () => {
  await expect(open(db.server.uri())).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching(
      /may write: .* \(Use a user with LOGIN, REPLICATION and SELECT only, .*\)$/,
    ),
  })
  await eventually(async () =>
    expect(
      (await db.admin.query(`select from pg_stat_activity where application_name like 'freshet-replica%'`))
        .rowCount,
    ).toBe(0),
  )
})
