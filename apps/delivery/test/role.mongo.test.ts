import { expect, test } from '@jest/globals'
import { ConfigError } from '@freshet/kit'
import { CutProxy, eventually, openTestDatabase, overrunOplog } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import { openClient } from './support/real-client.ts'
import { startDelivery } from './support/real-delivery.ts'
import { StoredMessages } from './support/stored-messages.ts'

const toAnn = { from: 'bob', to: { user: 'ann' } }

test('G4.9 the user of delivery can read the database of messages and nothing else, and can write nothing', async () => {
  await using db = await openTestDatabase({ own: true, messages: true })
  await db.admin.db('shop').collection<{ _id: string }>('products').insertOne({ _id: 'lamp' })
  await using client = new MongoClient(db.uriFor('delivery'))
  const denied = expect.objectContaining({ code: 13 })
  const messages = client.db('shop_messages')
  for (const name of ['messages', 'memberships', 'cursors', 'revocations', 'conversations', 'freshet']) {
    const collection = messages.collection<{ _id: string }>(name)
    expect(await collection.find({ _id: 'none' }).toArray()).toEqual([])
    await expect(collection.insertOne({ _id: 'x' })).rejects.toEqual(denied)
    await expect(collection.replaceOne({ _id: 'x' }, {}, { upsert: true })).rejects.toEqual(denied)
    await expect(collection.deleteMany({})).rejects.toEqual(denied)
    await expect(collection.aggregate([{ $match: {} }, { $out: 'copy' }]).toArray()).rejects.toEqual(denied)
    await expect(collection.drop()).rejects.toEqual(denied)
  }
  for (const database of ['shop', 'shop_internal', 'local', 'admin', 'another']) {
    const other = client.db(database).collection<{ _id: string }>('products')
    await expect(other.find().toArray()).rejects.toEqual(denied)
    await expect(other.insertOne({ _id: 'x' })).rejects.toEqual(denied)
    await expect(other.watch().next()).rejects.toEqual(denied)
  }
})

test('D68 nothing in the oplog is from delivery, and a user who can do more is refused', async () => {
  await using db = await openTestDatabase({ own: true, messages: true })
  const stored = new StoredMessages(db)
  const oplog = db.admin.db('local').collection('oplog.rs')
  const [before] = await oplog.find().sort({ $natural: -1 }).limit(1).toArray()
  {
    await using delivery = await startDelivery({ uri: db.uriFor('delivery') })
    await delivery.ready()
    using ann = await openClient(delivery.webSocketUrl, 'ann')
    await ann.client.ready()
    const id = await stored.send(toAnn)
    await eventually(() => expect(ann.heard.ids).toEqual([id]))
  }
  // The server also recorded every operation of this user that is not a read.
  expect(await db.writesOfReaders()).toEqual([])
  const entries = await oplog.find({ ts: { $gt: before?.['ts'] }, op: { $ne: 'n' } }).toArray()
  expect(entries.map(({ op, ns }) => `${op} ${ns}`)).toEqual(['i shop_messages.messages'])
  for (const uri of [db.uriFor('writer'), db.uriFor('reader'), db.adminUri]) {
    const refusal: unknown = await startDelivery({ uri }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ConfigError)
    expect(String(refusal)).toMatch(/--mongodb-uri-file: PRIVILEGE: /)
  }
})

test('D69 when history is lost, clients reconnect, recover what is held again, and are told of a gap otherwise', async () => {
  await using db = await openTestDatabase({ oplogSizeMb: 1, checkpointSeconds: 1, messages: true })
  const stored = new StoredMessages(db)
  await using proxy = await CutProxy.open(db.port)
  await using delivery = await startDelivery({ uri: proxy.uriThrough(db.uriFor('delivery')) })
  await delivery.ready()
  using ann = await openClient(delivery.webSocketUrl, 'ann')
  await ann.client.ready()
  const first = await stored.send(toAnn)
  await eventually(() => expect(ann.heard.ids).toEqual([first]))
  proxy.cut()
  await eventually(async () => expect(await delivery.unready()).toBeDefined())
  const missed = await stored.send(toAnn)
  await overrunOplog(db.admin)
  proxy.resume()
  await delivery.ready()
  await eventually(() => expect(ann.heard.recoveries).toEqual([false]))
  expect(ann.heard.events).toContain('connecting 3010')
  const last = await stored.send(toAnn)
  await eventually(() => expect(ann.heard.ids).toEqual([first, last]))
  expect(ann.heard.ids).not.toContain(missed)
  expect((await delivery.status()).feed).toMatchObject({ restarts: 1, breaks: { HISTORY_LOST: 1 } })
})
