import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Hearing } from '@freshet/change-stream/conformance'
import type { ReadConnection } from '@freshet/guard'
import { controlCollection } from '@freshet/mongodb-rules'
import { highOf, lowOf, type IdType } from '@freshet/protocol'
import { eventually, openTestDatabase, overrunOplog, type TestDatabase } from '@freshet/testkit'
import { FaultyConnection } from './support/faulty-connection.ts'
import { openSource } from './support/open-source.ts'

const signal = new AbortController().signal
const collections = new Map<string, IdType>([
  ['products', 'string'],
  ['orders', 'string'],
])
let db: TestDatabase
beforeAll(async () => {
  // A shared server's history contains the drops of earlier files.
  db = await openTestDatabase({ own: true })
})
afterAll(() => db[Symbol.asyncDispose]())

const collection = (name: string, { admin, database }: TestDatabase = db) =>
  admin.db(database).collection<{ _id: string }>(name)

const nextSecond = (): Promise<void> => {
  const second = Math.floor(Date.now() / 1_000)
  return eventually(() => expect(Math.floor(Date.now() / 1_000)).toBeGreaterThan(second))
}

/** Everything from a start on until the change of this document, each with its second. */
async function heardUntil(id: string, startSecondsBack: number): Promise<readonly string[]> {
  await using opened = await openSource(db, { collections, events: { insertsOnly: [], startSecondsBack } })
  const origin = await opened.source.start(signal)
  await using heard = new Hearing(opened.source, origin)
  await heard.until(() => heard.changes.some((change) => 'id' in change && change.id === id))
  return heard.batches.flatMap(({ changes, seconds }) =>
    changes.map((change, index) => `${seconds?.[index]} ${'id' in change ? change.id : change.kind}`),
  )
}

test('F29 a start goes back to the start of a second, so that changes of a second are the same for every start', async () => {
  await nextSecond()
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 5; n += 1) await collection('orders').insertOne({ _id: `back-${round}-${n}` })
    await nextSecond()
  }
  await collection('orders').insertOne({ _id: 'last' })
  const long = await heardUntil('last', 60)
  await nextSecond()
  const short = await heardUntil('last', 3)
  expect(long).toEqual(expect.arrayContaining([expect.stringMatching(/ back-0-0$/)]))
  expect(short.length).toBeGreaterThan(5)
  expect(long.slice(-short.length)).toEqual(short)
  // The change before belongs to an earlier second.
  const before = long.at(-short.length - 1)
  expect(before === undefined || before.slice(0, 10) < String(short[0]).slice(0, 10)).toBe(true)
})

test('F29 negative control: a start without it begins within a second', async () => {
  await nextSecond()
  for (const id of ['one', 'two', 'three']) await collection('orders').insertOne({ _id: id })
  const heard = await heardUntil('three', 0)
  expect(heard.map((line) => line.slice(11))).toEqual(['three'])
})

test('F29 a start goes back only as far as the server has the history', async () => {
  await using small = await openTestDatabase({ oplogSizeMb: 1, checkpointSeconds: 1 })
  await overrunOplog(small.admin)
  await collection('products', small).insertOne({ _id: 'a' })
  await using opened = await openSource(small, { events: { insertsOnly: [], startSecondsBack: 3_600 } })
  const { source, at } = await opened.source.start(signal)
  const now = await opened.reads.head(signal)
  expect(highOf(now) - highOf(at)).toBeLessThan(1_800)
  await using heard = new Hearing(opened.source, { source, at })
  await heard.until(() => heard.changes.some((change) => 'id' in change && change.id === 'a'))
})

test('F29 a start does not go back beyond a drop of the database, which ends every change stream', async () => {
  await using dropped = await openTestDatabase({ own: true })
  const control = dropped.admin.db(dropped.database).collection(controlCollection)
  const kept = await control.find().toArray()
  await collection('products', dropped).insertOne({ _id: 'before' })
  await dropped.admin.db(dropped.database).dropDatabase()
  await control.insertMany(kept)
  await using opened = await openSource(dropped, { events: { insertsOnly: [], startSecondsBack: 60 } })
  await using heard = new Hearing(opened.source, await opened.source.start(signal))
  await collection('products', dropped).insertOne({ _id: 'after' })
  await heard.until(() => heard.changes.some((change) => 'id' in change && change.id === 'after'))
  expect(heard.changes.filter((change) => 'id' in change && change.id === 'before')).toEqual([])
})

test('F29 a start that cannot go back begins at the latest change', async () => {
  const wrap = (connection: ReadConnection): ReadConnection =>
    new FaultyConnection(connection, {
      command: (command) => {
        if ('aggregate' in command) throw Object.assign(new Error('lost'), { code: 286 })
        return command
      },
    })
  await using opened = await openSource(db, { wrap, events: { insertsOnly: [], startSecondsBack: 60 } })
  const { at } = await opened.source.start(signal)
  expect(lowOf(at)).not.toBe(0xffffffff)
  expect(at <= (await opened.reads.head(signal))).toBe(true)
})

test.each<[string, (cursor: object) => object | undefined]>([
  ['no cursor', () => undefined],
  ['no batch', (cursor) => ({ ...cursor, nextBatch: undefined })],
  ['no id', (cursor) => ({ ...cursor, id: undefined })],
  ['no token', (cursor) => ({ ...cursor, postBatchResumeToken: undefined })],
])('F15 a reply with %s breaks the feed, and the error says what was expected', async (_, alter) => {
  const wrap = (connection: ReadConnection): ReadConnection =>
    new FaultyConnection(connection, {
      reply: (reply, command) =>
        'getMore' in command ? { ...reply, cursor: alter(reply['cursor']) } : reply,
    })
  await using opened = await openSource(db, { wrap })
  await using heard = new Hearing(opened.source, await opened.source.start(signal))
  expect(await heard.failure()).toMatchObject({
    code: 'DISCONNECTED',
    message: expect.stringMatching(/expected .* in a reply, got none/),
  })
})

test('F30 only inserts of some collections are sent, everything of others that are followed, and nothing else', async () => {
  const sent: string[] = []
  const wrap = (connection: ReadConnection): ReadConnection =>
    new FaultyConnection(connection, {
      reply: (reply) => {
        const { firstBatch, nextBatch } = reply['cursor'] ?? {}
        for (const event of [...(firstBatch ?? []), ...(nextBatch ?? [])])
          if (Buffer.isBuffer(event)) sent.push(event.toString('latin1'))
        return reply
      },
    })
  const events = { insertsOnly: ['products'], startSecondsBack: 0 }
  await using opened = await openSource(db, { collections, events, wrap })
  await using heard = new Hearing(opened.source, await opened.source.start(signal))
  await heard.until(() => heard.batches.length > 1)
  const before = heard.batches.at(-1)?.through ?? ''
  const products = collection('products')
  await products.insertOne({ _id: 'p' })
  await products.replaceOne({ _id: 'p' }, {})
  await products.updateOne({ _id: 'p' }, { $set: { a: 1 } })
  await products.deleteOne({ _id: 'p' })
  await collection('elsewhere').insertOne({ _id: 'unseen' })
  await heard.until(() => (heard.batches.at(-1)?.through ?? '') > before)
  await db.admin.withSession((session) =>
    session.withTransaction(async () => {
      await products.insertOne({ _id: 'q' }, { session })
      await collection('elsewhere').insertOne({ _id: 'unseen too' }, { session })
      await products.replaceOne({ _id: 'q' }, {}, { session })
      await collection('orders').insertOne({ _id: 'o' }, { session })
    }),
  )
  await collection('orders').replaceOne({ _id: 'o' }, {})
  await collection('orders').deleteOne({ _id: 'o' })
  await products.drop()
  await heard.until(() => heard.changes.some(({ kind }) => kind === 'drop-collection'))
  const words = heard.changes.map((change) => `${change.kind} ${'id' in change ? change.id : ''}`.trim())
  expect(words.slice(words.indexOf('upsert p'))).toEqual([
    'upsert p',
    'upsert q',
    'upsert o',
    'upsert o',
    'delete o',
    'drop-collection',
  ])
  expect(sent.filter((event) => event.includes('unseen'))).toEqual([])
  expect(sent.filter((event) => event.includes('products')).length).toBeGreaterThan(2)
})
