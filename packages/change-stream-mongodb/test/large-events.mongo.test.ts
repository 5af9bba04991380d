import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { positionOf, type Position } from '@freshet/protocol'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import { Follower } from '@freshet/change-stream'
import { FaultyConnection, wantsAll } from './support/faulty-connection.ts'
import { openSource } from './support/open-source.ts'
import { Recorder } from '@freshet/change-stream/conformance'
import { valueIn } from './support/value-in.ts'

const MiB = 2 ** 20

interface Stored {
  readonly _id: string
  readonly [name: string]: unknown
}

let db: TestDatabase
let products: Collection<Stored>
/** A collection that is not watched. */
let others: Collection<Stored>

beforeAll(async () => {
  db = await openTestDatabase()
  products = db.admin.db('shop').collection<Stored>('products')
  others = db.admin.db('shop').collection<Stored>('others')
  await others.insertOne({ _id: 'first' })
})
afterAll(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  await Promise.all([products.deleteMany({}), others.deleteMany({})])
})

interface Following extends AsyncDisposable {
  readonly heard: Recorder
  /** Total bytes of all events. */
  readonly bytes: () => number
}

/** A production follower that is already current. Only the test writes, so there are no heartbeats. */
async function follow(wrap = (inner: ReadConnection) => inner): Promise<Following> {
  let bytes = 0
  const counted = (inner: ReadConnection): ReadConnection =>
    new FaultyConnection(inner, {
      reply: (reply, { getMore }) => {
        if (getMore !== undefined) for (const event of reply['cursor'].nextBatch) bytes += event.length
        return reply
      },
    })
  const opened = await openSource(db, { wrap: (inner) => counted(wrap(inner)) })
  const heard = new Recorder(valueIn)
  const follower = new Follower({
    source: opened.source,
    sink: heard,
    clock: systemClock,
    random: Math.random,
  })
  follower.start()
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(1))
  heard.words.length = 0
  const end = async (): Promise<void> => {
    await follower.stop()
    await opened[Symbol.asyncDispose]()
  }
  return { heard, bytes: () => bytes, [Symbol.asyncDispose]: end }
}

/** The database's current position. */
async function now(): Promise<Position> {
  const { operationTime } = await db.admin.db('shop').command({ ping: 1 })
  return positionOf(operationTime.t, operationTime.i)
}

async function comesTo({ heard }: Following, position: Position): Promise<void> {
  await eventually(() => expect((heard.last?.through ?? '') >= position).toBe(true))
}

/** Changes each item of an array with a long name: the update description takes 20 MB, the document 2. */
async function changeManyItems(collection: Collection<Stored>): Promise<void> {
  const name = 'n'.repeat(200)
  const items = Array.from({ length: 100_000 }, (_, value) => ({ text: 'x'.repeat(60), value }))
  await collection.insertOne({ _id: 'items', [name]: items })
  const changed = { $mergeObjects: ['$$this', { value: { $add: ['$$this.value', 1] } }] }
  await collection.updateOne({ _id: 'items' }, [
    { $set: { [name]: { $map: { input: `$${name}`, in: changed } } } },
  ])
}

test.each([
  ['that is watched', () => products],
  ['that is not watched', () => others],
])('F23 an update in a collection %s may have a description above 16 MB', async (_name, collection) => {
  await using following = await follow()
  await changeManyItems(collection())
  const after = await now()
  await products.insertOne({ _id: 'next', value: 1 })
  await comesTo(following, after)
  await eventually(() => expect(following.heard.words).toContain('upsert next 1'))
  expect(following.heard.errors).toEqual([])
  expect(following.heard.origins).toHaveLength(1)
})

test('F23 unwatched collections send only positions', async () => {
  await using following = await follow()
  for (let n = 0; n < 5; n += 1) await others.insertOne({ _id: `large-${n}`, text: 'x'.repeat(4 * MiB) })
  await others.updateMany({}, { $set: { text: 'y'.repeat(2 * MiB) } })
  await comesTo(following, await now())
  expect(following.bytes()).toBeGreaterThan(0)
  expect(following.bytes()).toBeLessThan(10_000)
  expect(following.heard.words).toEqual([])
})

test('F23 the largest possible document with the longest id is delivered with its contents', async () => {
  await using following = await follow()
  const _id = 'i'.repeat(256)
  const around = 4 + (1 + 4 + 4 + 257) + (1 + 6 + 9) + (1 + 5 + 4 + 1) + 1
  await products.insertOne({ _id, value: 1.5, text: 'x'.repeat(16 * MiB - around) })
  await eventually(() => expect(following.heard.words).toEqual([`upsert ${_id} 1.5`]))
  expect(following.heard.errors).toEqual([])
})

test.each([
  ['that is watched', () => products],
  ['that is not watched', () => others],
])('F23 an id of megabytes in a collection %s is skipped', async (_name, collection) => {
  await using following = await follow()
  const _id = 'i'.repeat(6 * MiB)
  await collection().insertOne({ _id })
  await collection().replaceOne({ _id }, { value: 2 })
  await collection().deleteOne({ _id })
  await products.insertOne({ _id: 'next', value: 1 })
  await eventually(() => expect(following.heard.words).toEqual(['upsert next 1']))
  await comesTo(following, await now())
  expect(following.heard.errors).toEqual([])
})

test('F23 an undeliverable change ends the feed once: the new epoch starts after it, even without further writes', async () => {
  await using following = await follow(wantsAll)
  const { heard } = following
  await others.insertOne({ _id: 'i'.repeat(6 * MiB) })
  await eventually(() => expect(heard.origins).toHaveLength(2))
  const batches = heard.batches.length
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(batches + 20))
  expect([heard.errors, heard.origins.length]).toEqual([['EVENT_TOO_LARGE'], 2])
  await products.insertOne({ _id: 'next', value: 1 })
  await eventually(() => expect(heard.words).toEqual(['upsert next 1']))
})

test.each<[string, () => Promise<unknown>]>([
  ['an id of more than 8 MB', () => others.insertOne({ _id: 'i'.repeat(8_389_000) })],
  [
    'the definition of a collection of 9 MB',
    () =>
      db.admin.db('shop').createCollection('defined', {
        validator: { $nor: [{ ['q'.repeat(10)]: 'z'.repeat(9_000_000) }] },
      }),
  ],
])(
  'F23 a change without a readable position, caused by %s, stops no reader permanently',
  async (_name, change) => {
    await using following = await follow()
    const { heard } = following
    await change()
    await eventually(() => expect(heard.origins.length).toBeGreaterThan(1))
    const batches = heard.batches.length
    await eventually(() => expect(heard.batches.length).toBeGreaterThan(batches + 20))
    expect(new Set(heard.errors)).toEqual(new Set(['EVENT_TOO_LARGE']))
    await products.insertOne({ _id: 'after', value: 2 })
    await eventually(() => expect(heard.words.at(-1)).toBe('upsert after 2'))
  },
)
