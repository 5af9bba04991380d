import { afterAll, expect, test } from '@jest/globals'
import {
  asDocuments,
  openReplica,
  watchWrites,
  type ChangeHandler,
  type EmbeddedReplica,
  type HandlerRefusal,
  type StoredDocument,
} from '@freshet/embed'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { MongoClient } from 'mongodb'

const db = await openTestDatabase({ collections: ['orders', 'stock'] })
afterAll(() => db[Symbol.asyncDispose]())
const orders = db.admin.db('shop').collection<{ _id: string }>('orders')

/** Rebuilds `stock` from all orders whenever changes may have been missed, replacing the whole collection. */
async function openRebuilder(
  collections: ChangeHandler['collections'],
  client: MongoClient,
): Promise<{ replica: EmbeddedReplica<StoredDocument>; refusals: readonly HandlerRefusal[] }> {
  const refusals: HandlerRefusal[] = []
  const replica = await openReplica({
    uri: db.uriFor('reader'),
    database: 'shop',
    collections: { orders: 'string', stock: 'string' },
    encoder: asDocuments,
    handlers: { service: 'rebuilder', onRefusal: (refusal) => refusals.push(refusal) },
  })
  replica.onChange({
    name: 'rebuild',
    collections,
    allowWrites: [{ collection: 'stock', reason: 'rebuilt from all orders' }],
    handle: () => undefined,
    reset: async () =>
      void (await client
        .db('shop')
        .collection('orders')
        .aggregate([{ $out: 'stock' }])
        .toArray()),
  })
  return { replica, refusals }
}

/** `$out` creates and renames a collection, which the writer's role does not permit. */
const ownClient = (): MongoClient => watchWrites(new MongoClient(db.adminUri))

test('G7.3 a reset that causes the next one is stopped', async () => {
  await using client = ownClient()
  const { replica, refusals } = await openRebuilder(['orders', 'stock'], client)
  await using _ = replica
  const startedMs = performance.now()
  await orders.insertOne({ _id: 'a' })
  await db.admin.db('shop').collection('stock').drop()
  await eventually(() => expect(refusals.length).toBeGreaterThan(0))
  // One token is refilled per second, however long the hundred take.
  const seconds = Math.ceil((performance.now() - startedMs) / 1_000)
  expect(refusals[0]).toMatchObject({
    reason: 'breaker',
    handler: 'rebuilder/rebuild',
    heard: '*',
    collection: 'stock',
  })
  const [status] = replica.handlers()
  expect(status?.writes).toBeGreaterThanOrEqual(100)
  expect(status?.writes).toBeLessThanOrEqual(100 + seconds)
})

test('R15 a reset that changes only collections its handler does not receive causes no further reset', async () => {
  await using client = ownClient()
  const { replica } = await openRebuilder(['orders'], client)
  await using _ = replica
  await orders.drop()
  await eventually(() => expect(replica.handlers()).toMatchObject([{ writes: 1 }]))
  await db.admin.db('shop').collection('stock').drop()
  await orders.insertOne({ _id: 'b' })
  await eventually(() => expect(replica.handlers()).toMatchObject([{ heard: 1 }]))
  // Drops and recreates orders.
  expect(replica.handlers()).toMatchObject([{ resets: 2, writes: 2 }])
})
