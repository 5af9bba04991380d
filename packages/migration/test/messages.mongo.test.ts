import { afterAll, expect, test } from '@jest/globals'
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import { messageRolesOf } from '@freshet/roles'
import type { RoleName } from '@freshet/roles'
import { findMongod, startReplicaSet } from '@freshet/mongod'
import { MongoClient } from 'mongodb'
import type { Db } from 'mongodb'
import { migrate, newTimeline, timelineOf, withCredentials } from '@freshet/migration'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const set = await startReplicaSet({
  mongod: await findMongod({ env: process.env, log }),
  root: { user: 'root', password: 'secret' },
})
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
const options = { uri: set.rootUri(), database: 'shop', collections: ['products'], passwords }
// Without messages first: an existing installation.
const before = await migrate(options)
const first = await migrate({ ...options, messages: true })
const messages = messagesDatabase('shop')

function as(user: RoleName, name = messages): Db {
  const uri = withCredentials(set.rootUri(), { user, password: passwords[user], database: 'shop' })
  const client = new MongoClient(uri, { maxPoolSize: 2 })
  open.push(client)
  return client.db(name)
}

const refused = { code: 13 }
const everywhere = Object.values(messageCollections)

test('nothing of messages exists before it is requested, and what exists is kept', async () => {
  expect(JSON.stringify(before)).not.toMatch(/messages|delivery/)
  expect(first.changes).toEqual([
    `collection ${messages}.freshet`,
    ...everywhere.map((name) => `collection ${messages}.${name}`),
    `document freshet/source of ${messages}`,
    `document freshet/heartbeat of ${messages}`,
    ...messageRolesOf('shop').map(({ name }) => `role ${name}@${messages}`),
    'roles of user freshet-reader@shop',
    'roles of user freshet-writer@shop',
    'user freshet-delivery@shop',
  ])
  // A later migration that does not mention messages takes nothing away.
  expect(await migrate(options)).toEqual({ changes: [], passwords })
})

test('messages have the timeline of their database, also after it was renamed, completely or not', async () => {
  const both = () => Promise.all(['shop', messages].map((name) => timelineOf(admin.db(name))))
  const [main, other] = await both()
  expect(other).toBe(main)
  const renamed = await newTimeline(admin.db('shop'))
  expect(await both()).toEqual([renamed, renamed])
  await admin.db(messages).collection<{ _id: string }>('freshet').replaceOne({ _id: 'source' }, {})
  await admin
    .db(messages)
    .collection<{ _id: string }>('freshet')
    .replaceOne({ _id: 'source' }, { timeline: 'another' })
  expect((await migrate(options)).changes).toEqual([`timeline of ${messages}`])
  expect(await both()).toEqual([renamed, renamed])
})

test('a seq and a clientId are unique, and deletions need no clientId', async () => {
  const stored = admin.db(messages).collection<{ _id: string; [field: string]: unknown }>('messages')
  const message = (_id: string, fields: object) =>
    stored.insertOne({ _id, conv: 'c', from: 'ann', ...fields })
  await message('1', { seq: 1, clientId: 'x' })
  await message('2', { seq: 2 })
  await message('3', { seq: 3 })
  const taken = { code: 11_000 }
  await expect(message('4', { seq: 3, clientId: 'y' })).rejects.toMatchObject(taken)
  await expect(message('5', { seq: 5, clientId: 'x' })).rejects.toMatchObject(taken)
  await stored.insertOne({ _id: '6', conv: 'd', seq: 1, from: 'bob', clientId: 'x' })
  await stored.deleteMany({})
})

test.each([
  ['conversations', { members: 'ann' }],
  ['memberships', { user: 'ann' }],
  ['memberships', { group: 'team' }],
  ['cursors', { user: 'ann' }],
] as const)('%s are found by %j without a scan', async (name, filter) => {
  const plan = await admin.db(messages).collection(name).find(filter).explain('queryPlanner')
  expect(JSON.stringify(plan['queryPlanner'].winningPlan)).toContain('IXSCAN')
})

test('a delivery may read and watch messages, and nothing else anywhere', async () => {
  const db = as('freshet-delivery')
  for (const name of everywhere) expect(await db.collection(name).find().toArray()).toEqual([])
  expect(await db.collection('freshet').countDocuments()).toBe(2)
  const stream = db.watch([], { maxAwaitTimeMS: 10 })
  expect(await stream.tryNext()).toBe(null)
  await stream.close()
  for (const name of [...everywhere, 'freshet']) {
    await expect(db.collection(name).insertOne({})).rejects.toMatchObject(refused)
    await expect(db.collection(name).updateOne({}, { $set: { a: 1 } })).rejects.toMatchObject(refused)
    await expect(db.collection(name).deleteOne({})).rejects.toMatchObject(refused)
  }
  await expect(db.listCollections().toArray()).rejects.toMatchObject(refused)
  await expect(as('freshet-delivery', 'shop').collection('products').findOne()).rejects.toMatchObject(refused)
  await expect(as('freshet-delivery', 'shop').watch().tryNext()).rejects.toMatchObject(refused)
})

test('the writer may write messages and their heartbeat, but remove nothing; a reader may only read', async () => {
  const writer = as('freshet-writer')
  for (const name of everywhere) {
    const { insertedId } = await writer.collection(name).insertOne({ conv: name, from: name })
    await writer.collection(name).updateOne({ _id: insertedId }, { $set: { from: 'x' } })
    await expect(writer.collection(name).deleteOne({})).rejects.toMatchObject(refused)
    await expect(writer.collection(name).drop()).rejects.toMatchObject(refused)
  }
  await writer.collection<{ _id: string }>('freshet').updateOne({ _id: 'heartbeat' }, { $inc: { beats: 1 } })
  await expect(writer.collection('freshet').insertOne({})).rejects.toMatchObject(refused)
  await expect(writer.collection('other').insertOne({})).rejects.toMatchObject(refused)
  await expect(writer.watch().tryNext()).rejects.toMatchObject(refused)

  const reader = as('freshet-reader')
  expect(await reader.collection('cursors').countDocuments()).toBe(1)
  await expect(reader.collection('cursors').insertOne({})).rejects.toMatchObject(refused)
  await expect(reader.watch().tryNext()).rejects.toMatchObject(refused)
  await expect(as('freshet-auditor').collection('messages').findOne()).rejects.toMatchObject(refused)
})
