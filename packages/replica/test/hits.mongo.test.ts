import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, WireRecorder } from '@freshet/testkit'
import { openReplica } from './support/mongo/open-replica.ts'

/** Commands the driver sends on its own to monitor the server. */
const greetings: ReadonlySet<string> = new Set(['hello', 'ismaster'])
const ids = Array.from({ length: 200 }, (_, n) => `p${n}`)

test('R17 4,000 hits send no command to the database; only the feed does', async () => {
  await using db = await openTestDatabase()
  const shop = db.admin.db('shop')
  await shop.collection<{ _id: string }>('products').insertMany(ids.map((_id) => ({ _id, value: 1 })))
  const port = db.port
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

  // Repeat if the feed reopened, as it may on a busy machine. A command sent by a hit would show up every time.
  await eventually(async () => {
    before = wire.commands.length
    const via = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      for (const id of ids) via.add((await replica.get('products', id)).via)
      // Let the feed run: hits do not yield.
      await setImmediate()
    }
    expect(via).toEqual(new Set(['hit']))
    // The next command of the feed. Any command of a hit would have come before it.
    await eventually(() => expect(sent()).toContain('getMore'))
    expect(new Set(sent())).toEqual(new Set(['getMore']))
  })

  // A miss does send commands, and they are seen here.
  before = wire.commands.length
  expect((await replica.get('products', 'unknown')).via).toBe('miss')
  // One command for the document up to the size limit, one for its size.
  expect(sent().filter((name) => name !== 'getMore')).toEqual(['find', 'find'])

  // Only a reader ran, so the oplog contains only the server's own entries.
  const oplog = db.admin.db('local').collection('oplog.rs')
  const written = { ts: { $gt: since }, op: { $in: ['i', 'u', 'd', 'c'] }, ns: { $not: /^config\./ } }
  expect(await oplog.countDocuments(written)).toBe(0)
  await shop.collection('products').insertOne({})
  expect(await oplog.countDocuments(written)).toBe(1)
})
