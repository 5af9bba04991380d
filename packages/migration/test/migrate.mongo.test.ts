import { afterAll, expect, test } from '@jest/globals'
import { findMongod, startReplicaSet } from '@freshet/mongod'
import { internalDatabase } from '@freshet/roles'
import type { RoleName } from '@freshet/roles'
import { MongoClient } from 'mongodb'
import type { Db } from 'mongodb'
import { migrate, MigrationError, newTimeline, timelineOf, withCredentials } from '@freshet/migration'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const mongod = await findMongod({ env: process.env, log })
const set = await startReplicaSet({ mongod, root: { user: 'root', password: 'secret' } })
const admin = new MongoClient(set.rootUri())
const open: MongoClient[] = [admin]
afterAll(async () => {
  await Promise.all(open.map((client) => client.close()))
  await set.close()
})

const passwords = {
  'freshet-reader': 'r',
  'freshet-writer': 'w',
  'freshet-auditor': 'a',
  'freshet-delivery': 'd',
} as const
const { 'freshet-delivery': _delivery, ...withoutMessages } = passwords
const collections = ['products', 'orders']
const database = 'shop'
const first = await migrate({ uri: set.rootUri(), database, collections, passwords })

/** The application database, as the user of one part. */
function as(user: RoleName, name = database): Db {
  const uri = withCredentials(set.rootUri(), { user, password: passwords[user], database })
  const client = new MongoClient(uri, { maxPoolSize: 2 })
  open.push(client)
  return client.db(name)
}

const refused = { code: 13 }
const readers = ['freshet-reader', 'freshet-auditor'] as const

test('the first migration reports what it created; the second changes nothing', async () => {
  expect(first.changes).toEqual([
    'collection shop.freshet',
    'collection shop.freshet_causes',
    'collection shop.products',
    'collection shop.orders',
    'document freshet/source',
    'document freshet/heartbeat',
    'collection shop_internal.idempotency',
    'role freshet-reader@shop',
    'role freshet-auditor@shop',
    'role freshet-writer@shop',
    'role freshet-writer@shop_internal',
    ...Object.keys(withoutMessages).map((user) => `user ${user}@shop`),
  ])
  const control = () => admin.db(database).collection('freshet').find().sort({ _id: 1 }).toArray()
  const before = await control()
  const again = await migrate({ uri: set.rootUri(), database, collections, passwords })
  expect(again).toEqual({ changes: [], passwords: withoutMessages })
  expect(await control()).toEqual(before)
})

test('a modified role, password or role assignment is restored and reported', async () => {
  const db = admin.db(database)
  await db.command({ updateRole: 'freshet-reader', privileges: [], roles: ['dbAdmin'] })
  await db.command({ updateUser: 'freshet-writer', pwd: 'other' })
  await db.command({ updateUser: 'freshet-auditor', roles: ['readWrite'] })
  const { changes } = await migrate({ uri: set.rootUri(), database, collections, passwords })
  expect(changes).toEqual([
    'role freshet-reader@shop',
    'password of user freshet-writer@shop',
    'roles of user freshet-auditor@shop',
  ])
  await expect(as('freshet-auditor').collection('products').insertOne({})).rejects.toMatchObject(refused)
})

test('with ownUsersOnly, a database whose users have other passwords is not changed', async () => {
  const options = { uri: set.rootUri(), database, collections: ['more'], ownUsersOnly: true }
  const others = migrate({ ...options, passwords: { ...passwords, 'freshet-auditor': 'unknown' } })
  await expect(others).rejects.toThrow('USERS_OF_OTHERS: the user freshet-auditor@shop exists')
  await expect(migrate({ ...options, passwords: {} })).rejects.toMatchObject({ code: 'USERS_OF_OTHERS' })
  expect(await admin.db(database).listCollections({ name: 'more' }).toArray()).toEqual([])
  await as('freshet-auditor').collection('products').findOne()
  expect((await migrate({ ...options, collections, passwords })).changes).toEqual([])
  const fresh = await migrate({ ...options, database: 'fresh', passwords: {} })
  expect(Object.keys(fresh.passwords)).toHaveLength(3)
})

test('new users without a password get a random one; existing users keep theirs', async () => {
  const options = { uri: set.rootUri(), database: 'other', collections: [], passwords: {} }
  const made = await migrate(options)
  expect(Object.keys(made.passwords).sort()).toEqual(Object.keys(withoutMessages).sort())
  expect((await migrate(options)).passwords).toEqual({})
})

test.each(readers)('%s may read and watch its database, and nothing else', async (user) => {
  const db = as(user)
  const products = db.collection('products')
  expect(await products.find().toArray()).toEqual([])
  expect(await db.collection('freshet').countDocuments()).toBe(2)
  expect((await db.listCollections().toArray()).map(({ name }) => name)).toContain('orders')
  const stream = db.watch([], { maxAwaitTimeMS: 10 })
  expect(await stream.tryNext()).toBe(null)
  await stream.close()

  await expect(products.insertOne({})).rejects.toMatchObject(refused)
  await expect(products.updateOne({}, { $set: { a: 1 } })).rejects.toMatchObject(refused)
  await expect(products.deleteOne({})).rejects.toMatchObject(refused)
  await expect(products.createIndex({ a: 1 })).rejects.toMatchObject(refused)
  await expect(products.drop()).rejects.toMatchObject(refused)
  await expect(products.aggregate([{ $out: 'orders' }]).toArray()).rejects.toMatchObject(refused)
  await expect(db.createCollection('new')).rejects.toMatchObject(refused)
  await expect(db.collection('system.views').find().toArray()).rejects.toMatchObject(refused)
  await expect(
    as(user, internalDatabase(database)).collection('idempotency').findOne(),
  ).rejects.toMatchObject(refused)
  await expect(as(user, 'other').collection('freshet').findOne()).rejects.toMatchObject(refused)
})

test('the writer may write its collections, the heartbeat and idempotency records, and nothing else', async () => {
  const db = as('freshet-writer')
  const products = db.collection('products')
  await products.insertOne({ a: 1 })
  await products.replaceOne({ a: 1 }, { a: 2 })
  await products.deleteOne({ a: 2 })
  const beat = await db
    .collection<{ _id: string }>('freshet')
    .updateOne({ _id: 'heartbeat' }, { $currentDate: { at: true } })
  expect(beat.modifiedCount).toBe(1)
  expect(await timelineOf(db)).toMatch(/^[0-9a-f-]{36}$/)
  const records = as('freshet-writer', internalDatabase(database)).collection('idempotency')
  await records.insertOne({ expiresAt: new Date() })

  const causes = db.collection<{ _id: number }>('freshet_causes')
  await causes.insertOne({ _id: 1 })
  await causes.deleteOne({ _id: 1 })
  await expect(causes.findOne()).rejects.toMatchObject(refused)

  await expect(db.collection('unknown').insertOne({})).rejects.toMatchObject(refused)
  await expect(db.collection('freshet').insertOne({})).rejects.toMatchObject(refused)
  await expect(db.collection('freshet').deleteMany({})).rejects.toMatchObject(refused)
  await expect(products.createIndex({ a: 1 })).rejects.toMatchObject(refused)
  await expect(products.drop()).rejects.toMatchObject(refused)
  await expect(products.rename('others')).rejects.toMatchObject(refused)
  await expect(db.createCollection('new')).rejects.toMatchObject(refused)
  await expect(db.command({ collMod: 'products', validator: {} })).rejects.toMatchObject(refused)
  await expect(db.watch().tryNext()).rejects.toMatchObject(refused)
  await expect(as('freshet-writer', 'other').collection('products').insertOne({})).rejects.toMatchObject(
    refused,
  )
})

test('idempotency records expire', async () => {
  const indexes = await admin.db(internalDatabase(database)).collection('idempotency').indexes()
  expect(indexes).toContainEqual(expect.objectContaining({ key: { expiresAt: 1 }, expireAfterSeconds: 0 }))
})

test('a new timeline replaces the old one; a database without one is refused', async () => {
  const before = await timelineOf(admin.db(database))
  const after = await newTimeline(admin.db(database))
  expect(after).not.toBe(before)
  expect(await timelineOf(admin.db(database))).toBe(after)
  await expect(newTimeline(admin.db('empty'))).rejects.toMatchObject({ code: 'NOT_MIGRATED' })
})

test('a reserved name and a user without permissions are refused with a remedy', async () => {
  const reserved = migrate({ uri: set.rootUri(), database, collections: ['freshet'], passwords: {} })
  await expect(reserved).rejects.toMatchObject({ code: 'RESERVED_NAME' })
  const uri = withCredentials(set.rootUri(), { user: 'freshet-writer', password: 'w', database })
  const weak = migrate({ uri, database, collections, passwords })
  await expect(weak).rejects.toBeInstanceOf(MigrationError)
  await expect(weak).rejects.toMatchObject({
    code: 'NOT_ALLOWED',
    message: expect.stringMatching(/: not authorized on \w+ to execute command \w+\. Use a user/),
  })
})
