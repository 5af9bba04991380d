import { expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase } from '@freshet/testkit'
import { MongoClient } from 'mongodb'

test('a database is up, migrated, and each part has its own user', async () => {
  await using db = await openTestDatabase()
  const reader = new MongoClient(db.uriFor('reader'))
  const control = await reader.db(db.database).collection('freshet').find().toArray()
  expect(control).toHaveLength(2)
  await reader.close()
  const writer = new MongoClient(db.uriFor('writer'))
  await writer.db(db.database).collection('products').insertOne({ a: 1 })
  await writer.close()
})

test('the primary steps down and comes back', async () => {
  await using db = await openTestDatabase()
  await db.stepDown()
  await db.restart('kill')
  await db.admin.db('shop').collection('products').insertOne({ a: 1 })
})

test('a fail point acts until it is disposed of', async () => {
  await using db = await openTestDatabase()
  const products = db.admin.db('shop').collection('products')
  {
    await using off = await db.failPoint('failCommand', 'alwaysOn', { failCommands: ['find'], errorCode: 2 })
    void off
    await expect(products.findOne({})).rejects.toMatchObject({ code: 2 })
  }
  expect(await products.findOne({})).toBe(null)
})

test('a client behind a proxy hears nothing while the replies are held, though its write is done', async () => {
  await using db = await openTestDatabase()
  await using proxy = await CutProxy.open(db.servers.members[0]?.port ?? 0)
  const writer = new MongoClient(proxy.uriThrough(db.uriFor('writer')))
  const products = writer.db(db.database).collection('products')
  await products.insertOne({ n: 1 })
  proxy.blackHole('replies')
  const unheard = products.insertOne({ n: 2 })
  let heard = false
  const hearing = unheard.then(() => (heard = true))
  await eventually(async () => {
    expect(await db.admin.db(db.database).collection('products').countDocuments()).toBe(2)
  })
  expect(heard).toBe(false)
  proxy.resume()
  await hearing
  await writer.close()
})

test('a set of three goes on after its primary lost its power', async () => {
  await using db = await openTestDatabase({ nodes: 3 })
  const products = db.admin.db(db.database).collection('products', { writeConcern: { w: 'majority' } })
  await products.insertOne({ n: 1 })
  const { me } = await db.admin.db('admin').command({ hello: 1 })
  const primary = db.servers.members.find(({ port }) => String(me).endsWith(`:${port}`))
  await primary?.kill()
  await eventually(() => products.insertOne({ n: 2 }))
  expect(await products.countDocuments()).toBe(2)
})
