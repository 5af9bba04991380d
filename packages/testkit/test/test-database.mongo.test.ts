import { expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
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
