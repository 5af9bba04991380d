import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { CutProxy, eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { BSON, type Collection } from 'mongodb'
import { Follower, type Batch } from '@freshet/change-stream'
import { Hearing } from '@freshet/change-stream/conformance'
import * as faulty from './support/faulty-connection.ts'
import { openSource, type OpenedSource } from './support/open-source.ts'
import { Recorder } from '@freshet/change-stream/conformance'
import { valueIn } from './support/value-in.ts'

interface Stored {
  readonly _id: string
  readonly value?: number
  readonly text?: string
}

let db: TestDatabase
let products: Collection<Stored>
const { signal } = new AbortController()

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})
beforeEach(async () => {
  products = db.admin.db('shop').collection<Stored>('products')
  await products.deleteMany({})
})

async function listen(opened: OpenedSource): Promise<Hearing> {
  return new Hearing(opened.source, await opened.source.start(signal))
}

/** Two documents in one transaction, with so much in between that no reply contains both. */
async function largeTransaction(megabytes: number): Promise<void> {
  const text = 'x'.repeat(1_000_000)
  await db.admin.withSession((session) =>
    session.withTransaction(async () => {
      await products.insertOne({ _id: 'first' }, { session })
      for (let n = 0; n < megabytes; n += 1)
        await products.insertOne({ _id: `f${n}`, value: n, text }, { session })
      await products.insertOne({ _id: 'last' }, { session })
    }),
  )
}

test('F2 a transaction of more than 16 MB arrives in one batch with its contents', async () => {
  await using opened = await openSource(db)
  await using heard = await listen(opened)
  await largeTransaction(20)
  const hasPuts = (ids: readonly string[]): boolean =>
    ids.every((id) => heard.changes.some((change) => change.kind === 'upsert' && change.id === id))
  await heard.until(() => hasPuts(['first', 'last']))
  const batch = heard.batches.find(({ changes }) =>
    changes.some((change) => 'id' in change && change.id === 'first'),
  )
  const received = (batch?.changes ?? []).flatMap((change) =>
    change.kind === 'upsert' ? [BSON.deserialize(change.document)] : [],
  )
  expect(
    received.map(({ _id, value, text }) => [_id, value, typeof text === 'string' && text.length]),
  ).toEqual([
    ['first', undefined, false],
    ...Array.from({ length: 20 }, (_, n) => [`f${n}`, n, 1_000_000]),
    ['last', undefined, false],
  ])
})

test('F11 a transaction above the limit arrives as keys only', async () => {
  await using opened = await openSource(db, { options: { maxOpenBytes: 4_000_000, batchSize: 2 } })
  await using heard = await listen(opened)
  await largeTransaction(8)
  await heard.until(() =>
    heard.changes.some((change) => 'id' in change && change.kind !== 'delete' && change.id === 'last'),
  )
  const received = heard.changes.filter((change) => 'id' in change && change.kind !== 'delete')
  expect(new Set(received.map((change) => change.kind))).toEqual(new Set(['invalidate']))
  expect(received).toHaveLength(10)
})

test('F3 a backlog proves nothing until it is processed', async () => {
  expect(await proofsBehindBacklog((connection) => connection)).toEqual([])
})

test('F3 the same test detects a source that takes full replies as proof', async () => {
  expect(await proofsBehindBacklog(faulty.takesFullRepliesAsProof)).not.toEqual([])
})

/** The times at which a source claimed to be current although it was 50,000 changes behind. */
async function proofsBehindBacklog(
  wrap: (connection: ReadConnection) => ReadConnection,
): Promise<readonly number[]> {
  await using opened = await openSource(db, { wrap, options: { batchSize: 1_000 } })
  const origin = await opened.source.start(signal)
  for (let from = 0; from < 50_000; from += 10_000)
    await products.insertMany(Array.from({ length: 10_000 }, (_, n) => ({ _id: `b${from + n}`, value: n })))
  const doneAt = performance.now()
  await using heard = new Hearing(opened.source, origin)
  const holdsLast = ({ changes }: Batch): boolean =>
    changes.some((change) => change.kind === 'upsert' && change.id === 'b49999')
  await heard.until(() => heard.batches.some(holdsLast))
  const last = heard.batches.findIndex(holdsLast)
  expect(last).toBeGreaterThan(10)
  return heard.batches
    .slice(0, last)
    .map((batch) => batch.provedAt)
    .filter((provedAt) => provedAt >= doneAt)
}

test('F12 a change after the last proof counts as a heartbeat', async () => {
  await using opened = await openSource(db)
  await using heard = await listen(opened)
  await heard.until(() => heard.batches.length > 3)
  const beforeMs = performance.now()
  await eventually(() => expect(heard.batches.at(-1)?.provedAt ?? 0).toBeGreaterThan(beforeMs))
  expect(heard.batches.at(-1)?.aliveAt ?? 0).toBeLessThan(beforeMs)
  await db.admin
    .db('shop')
    .collection('freshet')
    .updateOne({ _id: 'heartbeat' as never }, { $currentDate: { at: true } })
  await eventually(() => expect(heard.batches.at(-1)?.aliveAt ?? 0).toBeGreaterThan(beforeMs))
})

test('F3 nothing is proved while the connection is cut', async () => {
  await using proxy = await CutProxy.open(db.port)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  await using opened = await openSource(db, { uri, options: { replyWithinMs: 2_000 } })
  const { source } = opened
  const origin = await source.start(signal)
  await using heard = new Hearing(source, origin)
  await heard.until(() => heard.batches.length > 3)
  proxy.blackHole('replies')
  // Replies to earlier requests may still arrive, and prove the state when they were sent.
  const cutAt = systemClock.now()
  await products.insertOne({ _id: 'behind' })
  // The time that the source waits for a reply.
  expect(await heard.failure()).toMatchObject({ code: 'DISCONNECTED' })
  expect(heard.batches.filter(({ provedAt }) => provedAt >= cutAt)).toEqual([])
  proxy.resume()
  const { through: at = origin.at } = heard.batches.at(-1) ?? {}
  await using later = new Hearing(source, { ...origin, at })
  await later.until(() => later.changes.some((change) => 'id' in change && change.id === 'behind'))
})

/** Drops a followed database and returns what the feed emitted until it had recovered. */
async function dropDatabase(wrap: (connection: ReadConnection) => ReadConnection): Promise<Recorder> {
  await using victim = await openTestDatabase()
  await using opened = await openSource(victim, { wrap, identity: { kind: 'named', timeline: 'mine' } })
  const heard = new Recorder(valueIn)
  const pace = { firstMs: 20, maxMs: 40, spreadMs: 1 }
  const parts = { source: opened.source, sink: heard, clock: systemClock, random: Math.random, pace }
  await using follower = new Follower(parts)
  follower.start()
  await eventually(() => expect(heard.batches.length).toBeGreaterThan(2))
  await victim.admin.db('shop').dropDatabase()
  await eventually(() => expect(heard.errors).not.toEqual([]))
  const batches = heard.batches.length
  const settled = (): boolean => heard.batches.length > batches + 10 && heard.errors.length < 5
  await eventually(() => expect(settled() || heard.errors.length > 20).toBe(true))
  await victim.admin.db('shop').collection<Stored>('products').insertOne({ _id: 'again', value: 1 })
  if (settled()) await eventually(() => expect(heard.words.at(-1)).toBe('upsert again 1'))
  return heard
}

test('F13 a dropped database ends the feed, which resumes after the end in the same epoch', async () => {
  const heard = await dropDatabase((connection) => connection)
  expect(heard.words).toContain('invalidate-all')
  expect(heard.errors.length).toBeLessThanOrEqual(3)
  expect(heard.origins).toHaveLength(1)
})

test.each([
  ['resumes at the end of a database', faulty.resumesAtTheEnd],
  ['ignores that the cursor was closed', faulty.overlooksTheEnd],
])('F13 the same test detects a source that %s: it loops or starts a new epoch', async (_name, wrap) => {
  const heard = await dropDatabase(wrap)
  expect(heard.errors.length > 3 || heard.origins.length > 1).toBe(true)
})
