import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, WireRecorder } from '@freshet/testkit'
import { openReplica } from './support/mongo/open-replica.ts'

/** What the driver says by itself, to know whether the server is there. */
const greetings: ReadonlySet<string> = new Set(['hello', 'ismaster'])
const ids = Array.from({ length: 200 }, (_, n) => `p${n}`)

test('R17 an answer from memory sends nothing: beside the feed not one command is on the wire for 4,000 hits', async () => {
  await using db = await openTestDatabase()
  const shop = db.admin.db('shop')
  await shop.collection<{ _id: string }>('products').insertMany(ids.map((_id) => ({ _id, value: 1 })))
  const port = db.servers.members[0]?.port ?? 0
  await using wire = await WireRecorder.open({ host: '127.0.0.1', port })
  const { operationTime: since } = await shop.command({ ping: 1 })
  await using replica = await openReplica(db, { uri: wire.uriThrough(db.uriFor('reader')) })
  await replica.many('products', ids)
  let before = wire.commands.length
  const sent = (): readonly string[] =>
    wire.commands
      .slice(before)
      .map(({ name }) => name)
      .filter((name) => !greetings.has(name))

  // Once more if the feed began anew meanwhile, as it may on a busy machine: what a hit asks would be seen each time.
  await eventually(async () => {
    before = wire.commands.length
    const via = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      for (const id of ids) via.add((await replica.get('products', id)).via)
      // Lets in what came for the feed: hits take no turn of their own.
      await setImmediate()
    }
    expect(via).toEqual(new Set(['hit']))
    // The feed asks on; had a hit asked anything, it would have been before this.
    await eventually(() => expect(sent()).toContain('getMore'))
    expect(new Set(sent())).toEqual(new Set(['getMore']))
  })

  // What is not held does ask, and is seen here.
  before = wire.commands.length
  expect((await replica.get('products', 'unknown')).via).toBe('miss')
  // One for a document that is not too large to be fetched, and one that tells whether it is there at all.
  expect(sent().filter((name) => name !== 'getMore')).toEqual(['find', 'find'])

  // Only a reader ran: in the server's log for its members nothing stands but what the server tells itself.
  const oplog = db.admin.db('local').collection('oplog.rs')
  const written = { ts: { $gt: since }, op: { $in: ['i', 'u', 'd', 'c'] }, ns: { $not: /^config\./ } }
  expect(await oplog.countDocuments(written)).toBe(0)
  await shop.collection('products').insertOne({})
  expect(await oplog.countDocuments(written)).toBe(1)
})
