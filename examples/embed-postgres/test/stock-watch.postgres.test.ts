import { expect, test } from '@jest/globals'
import { TestDatabase, testUser } from '@freshet/postgres'
import { setUpStatements } from '@freshet/postgres-rules'
import { eventually } from '@freshet/testkit'
import { openStockWatch } from '../src/stock-watch.ts'

const statements = [
  'create table products (id text primary key, price numeric, stock integer)',
  `insert into products values ('lamp', 20, 12), ('chair', 50.5, 30)`,
  ...setUpStatements({
    publication: 'freshet',
    user: testUser,
    collections: new Map([['products', 'string']]),
  }),
]

test('the watch adds up an existing table at one position, and reports every product of which little is left', async () => {
  await using db = await TestDatabase.open({ statements })
  const reported: (readonly [string, number])[] = []
  await using watch = await openStockWatch(db.uri, 'postgres', (id, stock) => reported.push([id, stock]))
  expect(await watch.valueOf(['lamp', 'chair', 'nothing'])).toMatchObject({ value: 20 * 12 + 50.5 * 30 })
  await db.admin.query(`update products set stock = 9 where id = 'lamp'`)
  await eventually(() => expect(reported).toEqual([['lamp', 9]]))
  expect(await watch.valueOf(['lamp'])).toMatchObject({ value: 20 * 9 })
})

test('a user who may write is refused', async () => {
  await using db = await TestDatabase.open({ statements })
  await expect(openStockWatch(db.server.uri(), 'postgres', () => undefined)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching(/the user postgres may write: it is a superuser/),
  })
})
