import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import type { IdType } from '@freshet/protocol'
import {
  CutProxy,
  eventually,
  openTestDatabase,
  overrunOplog,
  writeBacklog,
  type TestDatabase,
} from '@freshet/testkit'
import { Follower } from '@freshet/change-stream'
import { openSource, type OpenSourceOptions } from './support/open-source.ts'
import { Recorder } from '@freshet/change-stream/conformance'
import { valueIn } from './support/value-in.ts'
import { SteadyWriter } from './support/steady-writer.ts'

/** For tests that disturb the network and leave the server intact. Emptied before each test. */
let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase({ own: true })
})
beforeEach(async () => {
  await db.admin.db('shop').collection('products').deleteMany({})
  // A feed starts at the latest write and may deliver it, so make that one an unwatched write.
  await db.admin.db('shop').collection('orders').insertOne({})
})
afterAll(() => db[Symbol.asyncDispose]())

/** A connection to the database's server that can be disturbed. */
async function proxyTo({ servers }: TestDatabase): Promise<CutProxy> {
  const [member] = servers.members
  if (!member) throw new Error('expected a server')
  return CutProxy.open(member.port)
}

/** A production follower that is already current, with everything it emits recorded. */
async function follow(
  db: TestDatabase,
  options: OpenSourceOptions,
): Promise<AsyncDisposable & { readonly heard: Recorder }> {
  const opened = await openSource(db, options)
  const heard = new Recorder(valueIn)
  const { source } = opened
  const follower = new Follower({ source, sink: heard, clock: systemClock, random: Math.random })
  follower.start()
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(1))
  const end = async (): Promise<void> => {
    await follower.stop()
    await opened[Symbol.asyncDispose]()
  }
  return { heard, [Symbol.asyncDispose]: end }
}

/** Waits until the feed delivers changes of this database. */
async function hearsOf(db: TestDatabase, heard: Recorder): Promise<void> {
  const products = db.admin.db('shop').collection<{ _id: string; value: number }>('products')
  await products.insertOne({ _id: 'here', value: 1 })
  await eventually(() => expect(heard.words.at(-1)).toBe('upsert here 1'))
}

/** Follows while a program writes and `disturb` interferes. Every acknowledged write must be delivered exactly once. */
async function followThrough(
  db: TestDatabase,
  disturb: (heard: Recorder) => Promise<void>,
  options: OpenSourceOptions = {},
): Promise<Recorder> {
  await using following = await follow(db, options)
  const { heard } = following
  const writer = new SteadyWriter(db.admin, db.database)
  writer.start()
  await disturb(heard)
  const soFar = writer.acknowledged.length
  await eventually(() => expect(writer.acknowledged.length).toBeGreaterThan(soFar + 20))
  await writer.stop()
  const wanted = writer.acknowledged.map((id) => `upsert ${id} ${id.slice(1)}`)
  await eventually(() => expect(heard.words.at(-1)).toBe(wanted.at(-1)))
  expect(heard.words).toEqual(wanted)
  expect(heard.origins).toHaveLength(1)
  return heard
}

test.each([43, 91, 189, 262, 11_600])(
  'F4 no change is missed or delivered twice when getMore fails with %i',
  async (errorCode) => {
    const heard = await followThrough(db, async (recorder) => {
      const data = { failCommands: ['getMore'], errorCode, appName: 'test' }
      await using off = await db.failPoint('failCommand', { times: 2 }, data)
      void off
      await eventually(() => expect(recorder.errors.length).toBe(2))
    })
    expect(heard.errors).toEqual(['DISCONNECTED', 'DISCONNECTED'])
  },
)

test('F4 no change is missed or delivered twice when the connection is cut again and again', async () => {
  await using proxy = await proxyTo(db)
  await followThrough(
    db,
    async (heard) => {
      for (let n = 1; n <= 3; n += 1) {
        const batches = heard.batches.length
        proxy.cut()
        await eventually(() => expect(heard.errors.length).toBeGreaterThanOrEqual(n))
        proxy.resume()
        await eventually(() => expect(heard.batches.length).toBeGreaterThan(batches + 2))
      }
    },
    { uri: proxy.uriThrough(db.uriFor('reader')) },
  )
})

test('F4 no change is missed or delivered twice when the primary steps down, on three nodes', async () => {
  await using three = await openTestDatabase({ nodes: 3 })
  const heard = await followThrough(three, async (recorder) => {
    // The same server may be reelected, and then its cursor survives.
    while (recorder.errors.length === 0) await three.stepDown()
    const batches = recorder.batches.length
    await eventually(() => expect(recorder.batches.length).toBeGreaterThan(batches + 5))
  })
  expect(new Set(heard.errors)).toEqual(new Set(['DISCONNECTED']))
})

test('F9 another data set behind the same address is another history and starts a new epoch', async () => {
  const passwords = { 'freshet-reader': 'the-same-on-both' }
  await using one = await openTestDatabase({ own: true, passwords })
  await using other = await openTestDatabase({ own: true, passwords })
  await using proxy = await proxyTo(one)
  await using following = await follow(one, { uri: proxy.uriThrough(one.uriFor('reader')) })
  const { heard } = following
  await other.admin.db('shop').collection<{ _id: string }>('products').insertOne({ _id: 'elsewhere' })
  proxy.redirectTo(other.servers.members[0]?.port ?? 0)
  await eventually(() => expect(heard.origins).toHaveLength(2))
  expect(heard.errors).toContain('SOURCE_CHANGED')
  expect(heard.origins[1]?.source).not.toBe(heard.origins[0]?.source)
  await hearsOf(other, heard)
})

test('F10 history truncated from a small oplog starts a new epoch, and the dead token is not retried', async () => {
  await using small = await openTestDatabase({ oplogSizeMb: 1, checkpointSeconds: 1 })
  await using proxy = await proxyTo(small)
  await using following = await follow(small, { uri: proxy.uriThrough(small.uriFor('reader')) })
  const { heard } = following
  const before = heard.last?.through ?? ''
  proxy.cut()
  await eventually(() => expect(heard.errors.length).toBeGreaterThan(0))
  await overrunOplog(small.admin)
  proxy.resume()
  await eventually(() => expect(heard.origins).toHaveLength(2))
  expect(heard.errors.filter((code) => code === 'HISTORY_LOST')).toHaveLength(1)
  expect((heard.origins[1]?.at ?? '') > before).toBe(true)
  await hearsOf(small, heard)
})

test.each([
  [136, 'HISTORY_LOST'],
  [260, 'HISTORY_LOST'],
  [280, 'HISTORY_LOST'],
  [286, 'HISTORY_LOST'],
  [10_334, 'EVENT_TOO_LARGE'],
])('F10 error %i starts a new epoch at once, after the undeliverable change', async (errorCode, code) => {
  await using following = await follow(db, {})
  const { heard } = following
  const data = { failCommands: ['getMore'], errorCode, appName: 'test' }
  await using off = await db.failPoint('failCommand', { times: 1 }, data)
  void off
  await eventually(() => expect(heard.origins).toHaveLength(2))
  await hearsOf(db, heard)
  expect(heard.errors).toEqual([code])
})

/** Records a follower whose first reply is more than two seconds behind. */
async function followFarBehind(maxBehindSeconds: number): Promise<Recorder> {
  await using proxy = await proxyTo(db)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  // The first change of the backlog arrives alone.
  await using following = await follow(db, { uri, options: { maxBehindSeconds, batchSize: 1 } })
  const { heard } = following
  proxy.cut()
  await eventually(() => expect(heard.errors).not.toEqual([]))
  heard.errors.length = 0
  await writeBacklog(db.admin, db.database, 2)
  proxy.resume()
  await hearsOf(db, heard)
  return heard
}

test('F10 a feed that is too far behind starts a new epoch at the latest position', async () => {
  const heard = await followFarBehind(1)
  expect(heard.errors.filter((code) => code !== 'DISCONNECTED')).toEqual(['TOO_FAR_BEHIND'])
  expect(heard.origins).toHaveLength(2)
  // Changes in between are not delivered; the new epoch covers them.
  expect(heard.words).not.toContain('upsert b1 1')
})

test('F10 the same backlog is delivered by a feed with a higher limit', async () => {
  const heard = await followFarBehind(240)
  expect(heard.errors.filter((code) => code !== 'DISCONNECTED')).toEqual([])
  expect(heard.origins).toHaveLength(1)
  expect(heard.words.slice(0, 2)).toEqual(['upsert b0 0', 'upsert b1 1'])
})

test('F19 one process uses one change stream, whatever the number of collections', async () => {
  await using alone = await openTestDatabase({ own: true })
  const names = ['products', 'orders', 'a', 'b', 'c'].map((name) => [name, 'string'] as const)
  await using following = await follow(alone, { collections: new Map<string, IdType>(names) })
  const streams = async (): Promise<number> => {
    const stages = [{ $currentOp: { allUsers: true, idleCursors: true } }]
    const operations = await alone.admin.db('admin').aggregate(stages).toArray()
    return operations.filter(({ cursor }) => cursor?.originatingCommand?.pipeline?.[0]?.$changeStream).length
  }
  await eventually(async () => expect(await streams()).toBe(1))
  expect(following.heard.errors).toEqual([])
})
