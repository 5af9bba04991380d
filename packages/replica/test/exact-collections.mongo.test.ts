import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Document } from 'mongodb'
import { openReplica, strings } from './support/mongo/open-replica.ts'

interface Stored {
  readonly _id: string
  readonly value: number
}

let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase()
})
beforeEach(async () => {
  for (const name of ['products', 'orders']) {
    await shop().collection(name).drop()
    await shop().createCollection(name)
  }
})
afterAll(() => db[Symbol.asyncDispose]())

const shop = () => db.admin.db(db.database)
const refused = { code: 'COLLECTION_NOT_EXACT' }

/** Kinds of collections that cannot be followed, each with the keyword of its refusal. */
const kinds: readonly (readonly [string, string, Document])[] = [
  ['view', 'got a view', { viewOn: 'products', pipeline: [] }],
  ['capped', 'got a capped one', { capped: true, size: 100_000 }],
  ['collated', "got 'de'", { collation: { locale: 'de' } }],
  ['series', 'got a timeseries', { timeseries: { timeField: 'at' } }],
]

test('R9 views, capped, collated and time series collections are refused at the start; other collections are served', async () => {
  for (const [name, , options] of kinds) await shop().createCollection(name, options)
  await shop().collection<Stored>('products').insertOne({ _id: 'p', value: 1 })
  await using replica = await openReplica(db, {
    collections: strings('products', ...kinds.map(([name]) => name)),
  })
  expect((await replica.get('products', 'p')).values).toHaveLength(1)
  for (const [name, reason] of kinds) {
    await expect(replica.get(name, 'p')).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(reason),
    })
    expect(replica.peek(`${name}/p`)).toBeUndefined()
  }
  expect(Object.keys(replica.status().refusedCollections).toSorted()).toEqual(
    kinds.map(([name]) => name).toSorted(),
  )
})

test.each(kinds)(
  'R9 a served collection that becomes a %s is refused until it is a regular one again',
  async (_kind, reason, options) => {
    const orders = shop().collection<Stored>('orders')
    await orders.insertOne({ _id: 'o', value: 1 })
    await shop().collection<Stored>('products').insertOne({ _id: 'p', value: 1 })
    await using replica = await openReplica(db, { collections: strings('products', 'orders') })
    await replica.get('orders', 'o', { atLeast: 'now' })
    await replica.get('products', 'p')
    await orders.drop()
    await shop().createCollection('orders', options)
    await replica.now({ waitMs: 60_000 })
    await expect(replica.get('orders', 'o')).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(reason),
    })
    expect(replica.peek('orders/o')).toBeUndefined()
    expect(await replica.get('products', 'p')).toMatchObject({ via: 'hit' })
    await orders.drop()
    await orders.insertOne({ _id: 'o', value: 2 })
    await replica.now({ waitMs: 60_000 })
    await eventually(async () => expect(await replica.get('orders', 'o')).toMatchObject({ stored: true }))
    expect(replica.status()).toMatchObject({ epoch: 1, refusedCollections: {} })
  },
)

test('R9 a collection converted to a capped one in place is refused', async () => {
  const orders = shop().collection<Stored>('orders')
  await orders.insertOne({ _id: 'o', value: 1 })
  await using replica = await openReplica(db, { collections: strings('products', 'orders') })
  await replica.get('orders', 'o', { atLeast: 'now' })
  await shop().command({ convertToCapped: 'orders', size: 100_000 })
  await replica.now({ waitMs: 60_000 })
  await expect(replica.get('orders', 'o')).rejects.toMatchObject(refused)
})

test('R9 nothing is read through a view, even before the feed reports that the collection became one', async () => {
  const orders = shop().collection<Stored>('orders')
  await orders.insertOne({ _id: 'o', value: 1 })
  await shop().collection<Stored>('products').insertOne({ _id: 'p', value: 1 })
  await using proxy = await CutProxy.open(db.port)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  await using replica = await openReplica(db, {
    uri,
    readsUri: db.uriFor('reader'),
    collections: strings('products', 'orders'),
  })
  proxy.cut()
  await orders.drop()
  await shop().createCollection('orders', { viewOn: 'products', pipeline: [] })
  // At W there is no `p` among the orders.
  await expect(replica.get('orders', 'p', { waitMs: 500 })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  proxy.resume()
  await eventually(async () => await expect(replica.get('orders', 'p')).rejects.toMatchObject(refused))
})
