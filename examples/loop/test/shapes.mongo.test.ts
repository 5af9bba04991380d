import { afterAll, expect, test } from '@jest/globals'
import { asDocuments, openReplica, watchWrites, type HandlerStatus } from '@freshet/embed'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { MongoClient, type Collection } from 'mongodb'

const db = await openTestDatabase({ collections: ['orders'] })
afterAll(() => db[Symbol.asyncDispose]())

interface Order {
  readonly _id: string
  readonly number?: number
  readonly total?: number
}
const orders = db.admin.db('shop').collection<Order>('orders')

/** Receives changes of orders and writes orders, with its own client. */
async function open(
  handle: (id: string, own: Collection<Order>) => Promise<unknown>,
): Promise<{ status: () => HandlerStatus | undefined } & AsyncDisposable> {
  const client = watchWrites(new MongoClient(db.uriFor('writer')))
  const replica = await openReplica({
    uri: db.uriFor('reader'),
    database: 'shop',
    collections: { orders: 'string' },
    encoder: asDocuments,
    handlers: { service: 'shapes' },
  })
  replica.onChange({
    name: 'write-back',
    collections: ['orders'],
    allowWrites: [{ collection: 'orders', reason: 'a test' }],
    handle: async ({ id }) => void (await handle(id, client.db('shop').collection<Order>('orders'))),
  })
  return {
    status: () => replica.handlers()[0],
    [Symbol.asyncDispose]: async () => {
      await replica.close()
      await client.close()
    },
  }
}

test('G7.3 a loop over new orders that are written by a number instead of their id is stopped', async () => {
  let made = 0
  await using opened = await open((_, own) => {
    made += 1
    return own.updateOne({ number: made }, { $setOnInsert: { _id: `n${made}` } }, { upsert: true })
  })
  await orders.insertOne({ _id: 'first' })
  await eventually(() => expect(opened.status()?.refusals.breaker).toBeGreaterThan(0))
  expect(await orders.countDocuments()).toBeLessThan(110)
})

test('G7.4 a handler that sets a value that is already set is not stopped, and receives no further change', async () => {
  await using opened = await open((id, own) => own.updateOne({ _id: id }, { $set: { total: 1 } }))
  const ids = Array.from({ length: 150 }, (_, n) => `i${n}`)
  await orders.insertMany(ids.map((_id) => ({ _id })))
  await eventually(async () => expect(await orders.countDocuments({ total: 1 })).toBe(150))
  // Each order was received when inserted and when set, and set once more.
  await eventually(() => expect(opened.status()).toMatchObject({ heard: 300, writes: 300 }))
  expect(opened.status()).toMatchObject({ refusals: { breaker: 0 }, openBreakers: 0 })
})
