import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { MongoClient, type Db } from 'mongodb'

/** For the tests that leave it as it was. */
let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db[Symbol.asyncDispose]())

test('a database is up, migrated, and each part has its own user', async () => {
  const reader = new MongoClient(db.uriFor('reader'))
  const control = await reader.db(db.database).collection('freshet').find().toArray()
  expect(control).toHaveLength(2)
  await reader.close()
  const writer = new MongoClient(db.uriFor('writer'))
  await writer.db(db.database).collection('products').insertOne({ a: 1 })
  await writer.close()
})

test('the primary steps down and comes back', async () => {
  await using own = await openTestDatabase()
  await own.stepDown()
  await own.restart('kill')
  await own.admin.db('shop').collection('products').insertOne({ a: 1 })
})

test('a fail point acts until it is disposed of', async () => {
  const nothing = db.admin.db('shop').collection('nothing')
  {
    await using off = await db.failPoint('failCommand', 'alwaysOn', { failCommands: ['find'], errorCode: 2 })
    void off
    await expect(nothing.findOne({})).rejects.toMatchObject({ code: 2 })
  }
  expect(await nothing.findOne({})).toBe(null)
})

test('a client behind a proxy hears nothing while the replies are held, though its write is done', async () => {
  await using proxy = await CutProxy.open(db.servers.members[0]?.port ?? 0)
  const writer = new MongoClient(proxy.uriThrough(db.uriFor('writer')))
  const orders = writer.db(db.database).collection('orders')
  await orders.insertOne({ n: 1 })
  proxy.blackHole('replies')
  const unheard = orders.insertOne({ n: 2 })
  let heard = false
  const hearing = unheard.then(() => (heard = true))
  await eventually(async () => {
    expect(await db.admin.db(db.database).collection('orders').countDocuments()).toBe(2)
  })
  expect(heard).toBe(false)
  proxy.resume()
  await hearing
  await writer.close()
})

test('a set of three goes on after its primary lost its power', async () => {
  await using three = await openTestDatabase({ nodes: 3 })
  const products = three.admin.db(three.database).collection('products', { writeConcern: { w: 'majority' } })
  await products.insertOne({ n: 1 })
  const { me } = await three.admin.db('admin').command({ hello: 1 })
  const primary = three.servers.members.find(({ port }) => String(me).endsWith(`:${port}`))
  await primary?.kill()
  await eventually(() => products.insertOne({ n: 2 }))
  expect(await products.countDocuments()).toBe(2)
})

/** Runs `work` as the reader's user after an administrator gave him a role that is too much. */
async function asWidenedReader(at: TestDatabase, work: (shop: Db) => Promise<unknown>): Promise<void> {
  await at.admin.db('shop').command({ updateUser: 'freshet-reader', roles: ['readWrite', 'dbAdmin'] })
  await using reader = new MongoClient(at.uriFor('reader'))
  await work(reader.db('shop'))
}

/** Each write that a reader could do, and how it is told. */
const writes: readonly (readonly [string, (shop: Db) => Promise<unknown>])[] = [
  ['insert shop.products', (shop) => shop.collection('products').insertOne({})],
  ['update shop.products', (shop) => shop.collection('products').updateOne({}, { $set: { a: 1 } })],
  ['remove shop.products', (shop) => shop.collection('products').deleteOne({})],
  ['command shop.products findAndModify', (shop) => shop.collection('products').findOneAndDelete({})],
  [
    'update shop.stolen',
    (shop) =>
      shop
        .collection('products')
        .aggregate([{ $merge: 'stolen' }])
        .toArray(),
  ],
  ['command shop.made create', (shop) => shop.createCollection('made')],
]

test('G4.6 negative control: a reader whose role was widened is told of at the end, with each thing he wrote', async () => {
  const own = await openTestDatabase()
  await own.admin.db('shop').collection('products').insertMany([{}, {}, {}])
  const told: string[] = []
  const added: string[][] = []
  for (const [, work] of writes) {
    await asWidenedReader(own, work)
    added.push((await own.writesOfReaders()).filter((line) => !told.includes(line)))
    told.push(...added.flat().slice(told.length))
  }
  await expect(own[Symbol.asyncDispose]()).rejects.toThrow(
    `expected no write of a reader, got: ${told.join('; ')}`,
  )
  expect(added).toEqual(writes.map(([write]) => [expect.stringContaining(`freshet-reader@shop ${write}`)]))
})

test('G4.6 what a reader wrote is told by whichever server he wrote to, also when all lost their power since', async () => {
  const three = await openTestDatabase({ nodes: 3 })
  await asWidenedReader(three, (shop) => shop.collection('products').insertOne({}))
  await three.restart('kill')
  await expect(three[Symbol.asyncDispose]()).rejects.toThrow('freshet-reader@shop insert shop.products')
})

test('G4.6 reads, refused writes, and what others write are told of nobody', async () => {
  await using reader = new MongoClient(db.uriFor('reader'))
  const shop = reader.db('shop')
  await shop.collection('products').find().toArray()
  await shop
    .collection('products')
    .aggregate([{ $match: {} }])
    .toArray()
  await shop.listCollections().toArray()
  await expect(shop.collection('products').insertOne({})).rejects.toMatchObject({ code: 13 })
  await using writer = new MongoClient(db.uriFor('writer'))
  await writer.db('shop').collection('products').insertOne({})
  expect(await db.writesOfReaders()).toEqual([])
})
