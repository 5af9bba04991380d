import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { MongoClient, type Db } from 'mongodb'

/** For tests that do not change it. */
let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase({ own: true })
})
afterAll(() => db[Symbol.asyncDispose]())

test('the database is running and migrated, and each role has its own user', async () => {
  const reader = new MongoClient(db.uriFor('reader'))
  const control = await reader.db(db.database).collection('freshet').find().toArray()
  expect(control).toHaveLength(2)
  await reader.close()
  const writer = new MongoClient(db.uriFor('writer'))
  await writer.db(db.database).collection('products').insertOne({ a: 1 })
  await writer.close()
})

test('consecutive databases share an emptied server, with their own users', async () => {
  // The database of the other tests is on its own servers, so the shared one is free.
  const first = await openTestDatabase({ database: 'shop' })
  await first.admin.db('shop').collection('products').insertOne({ a: 1 })
  await first.admin.db('elsewhere').collection('left').insertOne({ a: 1 })
  await first.admin.db('admin').command({ createUser: 'left', pwd: 'x', roles: [] })
  const session = first.admin.startSession()
  session.startTransaction()
  await first.admin.db('shop').collection('products').insertOne({ a: 2 }, { session })
  const { port } = first
  const source = await first.admin.db('shop').collection('freshet').findOne()
  const oldReader = first.uriFor('reader')
  await first[Symbol.asyncDispose]()

  await using second = await openTestDatabase({ database: 'other' })
  expect(second.port).toBe(port)
  const { databases } = await second.admin.db('admin').admin().listDatabases({ nameOnly: true })
  expect(databases.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['shop']))
  expect(databases.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['elsewhere']))
  const { users } = await second.admin.db('admin').command({ usersInfo: 1 })
  expect(users.map(({ user }: { user: string }) => user)).toEqual(['root'])
  expect(await second.admin.db('other').collection('freshet').findOne()).not.toEqual(source)
  await using old = new MongoClient(oldReader)
  await expect(old.db('shop').collection('freshet').findOne()).rejects.toMatchObject({ code: 18 })
})

test('a shared server cannot be stopped, and a concurrent database has its own', async () => {
  await using shared = await openTestDatabase()
  await using other = await openTestDatabase()
  expect(other.port).not.toBe(shared.port)
  expect(() => shared.servers).toThrow('open the database with {own: true}')
  await expect(shared.stepDown()).rejects.toThrow('open the database with {own: true}')
  await expect(shared.restart()).rejects.toThrow('open the database with {own: true}')
  await other.restart()
})

test('the primary steps down and comes back', async () => {
  await using own = await openTestDatabase({ own: true })
  await own.stepDown()
  await own.restart('kill')
  await own.admin.db('shop').collection('products').insertOne({ a: 1 })
})

test('a fail point is active until disposed', async () => {
  const nothing = db.admin.db('shop').collection('nothing')
  {
    await using off = await db.failPoint('failCommand', 'alwaysOn', { failCommands: ['find'], errorCode: 2 })
    void off
    await expect(nothing.findOne({})).rejects.toMatchObject({ code: 2 })
  }
  expect(await nothing.findOne({})).toBe(null)
})

test('while replies are held back, a client gets no answer although its write succeeded', async () => {
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

/** Runs `work` as the reader's user after an administrator granted it an excessive role. */
async function asWidenedReader(at: TestDatabase, work: (shop: Db) => Promise<unknown>): Promise<void> {
  await at.admin.db('shop').command({ updateUser: 'freshet-reader', roles: ['readWrite', 'dbAdmin'] })
  await using reader = new MongoClient(at.uriFor('reader'))
  await work(reader.db('shop'))
}

/** Each kind of write, and how it is reported. */
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

test('G4.6 negative control: every write of a reader with an excessive role is reported at the end', async () => {
  const own = await openTestDatabase({ own: true })
  await own.admin.db('shop').collection('products').insertMany([{}, {}, {}])
  const reported: string[] = []
  const added: string[][] = []
  for (const [, work] of writes) {
    await asWidenedReader(own, work)
    added.push((await own.writesOfReaders()).filter((line) => !reported.includes(line)))
    reported.push(...added.flat().slice(reported.length))
  }
  await expect(own[Symbol.asyncDispose]()).rejects.toThrow(
    `expected no writes by readers, got: ${reported.join('; ')}`,
  )
  expect(added).toEqual(writes.map(([write]) => [expect.stringContaining(`freshet-reader@shop ${write}`)]))
})

describe('three nodes', () => {
  let three: TestDatabase
  beforeAll(async () => {
    three = await openTestDatabase({ nodes: 3 })
  })

  test('a three-node set continues after its primary was killed', async () => {
    const products = three.admin
      .db(three.database)
      .collection('products', { writeConcern: { w: 'majority' } })
    await products.insertOne({ n: 1 })
    const { me } = await three.admin.db('admin').command({ hello: 1 })
    const primary = three.servers.members.find(({ port }) => String(me).endsWith(`:${port}`))
    await primary?.kill()
    await eventually(() => products.insertOne({ n: 2 }))
    expect(await products.countDocuments()).toBe(2)
    await primary?.start()
  })

  // The last one: it closes the set.
  test('G4.6 writes by a reader are reported by whichever server received them, even if all were killed since', async () => {
    await asWidenedReader(three, (shop) => shop.collection('products').insertOne({}))
    await three.restart('kill')
    await expect(three[Symbol.asyncDispose]()).rejects.toThrow('freshet-reader@shop insert shop.products')
  })
})

test('G4.6 reads, refused writes and writes by others are not reported', async () => {
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
