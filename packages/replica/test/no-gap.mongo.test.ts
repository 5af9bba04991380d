import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ABSENT } from '@freshet/cache'
import { systemClock } from '@freshet/kit'
import {
  CutProxy,
  eventually,
  openTestDatabase,
  overrunOplog,
  writeBacklog,
  type TestDatabase,
} from '@freshet/testkit'
import type { Collection } from 'mongodb'
import type { Answer } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import * as faulty from './support/mongo/faulty-connection.ts'
import { KeepsAcrossGaps } from './support/broken.ts'
import { openReplica, type OpenReplicaOptions } from './support/mongo/open-replica.ts'

interface Product {
  readonly _id: string
  readonly value: number
}

let db: TestDatabase
let products: Collection<Product>
const ids = Array.from({ length: 20 }, (_, n) => `p${n}`)

beforeAll(async () => {
  db = await openTestDatabase({ own: true })
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})
beforeEach(async () => {
  products = productsOf(db)
  await products.deleteMany({})
  await products.insertMany(ids.map((_id) => ({ _id, value: 1 })))
})

function productsOf(one: TestDatabase): Collection<Product> {
  return one.admin.db(one.database).collection<Product>('products')
}

function valuesOf(answer: Answer<Parsed>): readonly unknown[] {
  return answer.values.map((value) => (value === ABSENT ? 'absent' : value.document['value']))
}

async function storedIn(collection: Collection<Product>): Promise<readonly unknown[]> {
  const stored = new Map((await collection.find().toArray()).map(({ _id, value }) => [_id, value]))
  return ids.map((id) => stored.get(id) ?? 'absent')
}

/** One change of each kind, for cached documents. */
async function changeMuch(collection: Collection<Product>): Promise<void> {
  await collection.replaceOne({ _id: 'p0' }, { value: 2 })
  await collection.updateOne({ _id: 'p1' }, { $set: { value: 3 } })
  await collection.deleteOne({ _id: 'p2' })
  await collection.deleteOne({ _id: 'p3' })
  await collection.insertOne({ _id: 'p3', value: 4 })
  await collection.updateMany({ _id: { $gte: 'p5' } }, { $inc: { value: 10 } })
}

/** Loses the connection while every cached document changes. Returns the answers afterwards and the stored documents. */
async function answersAfterACut(how: 'cut' | 'blackHole', given: OpenReplicaOptions) {
  await using proxy = await CutProxy.open(db.servers.members[0]?.port ?? 0)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  await using replica = await openReplica(db, { uri, options: { lagAfterMs: 500 }, ...given })
  await replica.many('products', ids, { atLeast: 'now' })
  const { epoch, at } = replica.status()
  if (how === 'cut') proxy.cut()
  else proxy.blackHole()
  const cutAt = systemClock.now()
  await changeMuch(products)
  await eventually(() => expect(replica.state.kind).toBe('lagging'))
  await eventually(() => expect(replica.status().ageMs).toBeGreaterThan(600))
  const held = await replica.many('products', ids)
  // Its proof is not later than the cut: the reply in flight was requested before.
  expect(replica.provedAt).toBeLessThan(cutAt)
  expect([held.via, valuesOf(held)]).toEqual(['hit', ids.map(() => 1)])
  if (how === 'cut') expect([held.at, replica.status().at]).toEqual([at, at])
  const missed = replica.get('products', 'never-asked-before', { waitMs: 100 })
  await expect(missed).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  proxy.resume()
  await eventually(() => expect(replica.state.kind).toBe('live'))
  const after = await replica.many('products', ids, { atLeast: 'now', waitMs: 10_000 })
  expect(replica.status()).toMatchObject({ epoch, resyncs: { start: 1 } })
  return { answered: valuesOf(after), stored: await storedIn(products) }
}

test.each(['cut', 'blackHole'] as const)(
  'R10 while the connection is down (%s) hits continue and the age grows; afterwards no change is missing',
  async (how) => {
    const { answered, stored } = await answersAfterACut(how, {})
    expect(answered).toEqual(stored)
  },
)

test('R10 the same test detects a feed that resumes at the latest change', async () => {
  const { answered, stored } = await answersAfterACut('cut', { wrapFeed: faulty.forgetsWhereItStood })
  expect(answered).not.toEqual(stored)
})

/** Claims of being current by a replica up to 50,000 changes behind, and the number of reads. */
async function claimsBehindABacklog(given: OpenReplicaOptions) {
  await using proxy = await CutProxy.open(db.servers.members[0]?.port ?? 0)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  await using replica = await openReplica(db, { uri, readsUri: db.uriFor('reader'), ...given })
  await replica.many('products', ids)
  proxy.cut()
  await eventually(() => expect(replica.state.kind).toBe('lagging'))
  for (let from = 0; from < 50_000; from += 10_000)
    await products.insertMany(Array.from({ length: 10_000 }, (_, n) => ({ _id: `b${from + n}`, value: n })))
  await products.replaceOne({ _id: 'p0' }, { value: 2 })
  const doneAt = systemClock.now()
  proxy.resume()
  const before = replica.at
  const seen = { young: 0, behind: 0, wrong: 0 }
  for (;;) {
    const { at, provedAt } = replica
    const held = replica.peek('products/p0')
    const value = held === undefined || held === ABSENT ? undefined : held.document['value']
    if (value === 2) return seen
    if (provedAt >= doneAt) seen.young += 1
    if (at > before) seen.behind += 1
    // Cached values are exact at the earlier position they name, so they are served all the time.
    if (value !== 1) seen.wrong += 1
    await nextTurn()
  }
}

test('R11 with a backlog of 50,000 changes the age stays old until all are applied, and hits continue', async () => {
  const { behind, ...others } = await claimsBehindABacklog({})
  expect(others).toEqual({ young: 0, wrong: 0 })
  expect(behind).toBeGreaterThan(5)
})

test('R11 the same test detects a feed that treats full batches as proof', async () => {
  const { young } = await claimsBehindABacklog({ wrapFeed: faulty.takesFullRepliesAsProof })
  expect(young).toBeGreaterThan(0)
})

/** Actually loses the history. Returns what was served from the old one, and the answers afterwards. */
async function answersAfterALoss(given: OpenReplicaOptions) {
  await using small = await openTestDatabase({ oplogSizeMb: 1, checkpointSeconds: 1 })
  const collection = productsOf(small)
  await collection.insertMany(ids.map((_id) => ({ _id, value: 1 })))
  await using proxy = await CutProxy.open(small.servers.members[0]?.port ?? 0)
  const uri = proxy.uriThrough(small.uriFor('reader'))
  await using replica = await openReplica(small, { uri, ...given })
  await replica.many('products', ids, { atLeast: 'now' })
  const { at } = replica
  proxy.cut()
  await eventually(() => expect(replica.state.kind).toBe('lagging'))
  await changeMuch(collection)
  await overrunOplog(small.admin)
  proxy.resume()
  let old = 0
  /** The cached value of a document that was replaced unnoticed. */
  const look = (): void => {
    const held = replica.peek('products/p0')
    if (replica.at > at && held !== undefined && held !== ABSENT && held.document['value'] === 1) old += 1
  }
  await eventually(() => {
    look()
    expect(replica.status()).toMatchObject({ resyncs: { HISTORY_LOST: 1 }, state: { kind: 'live' } })
  })
  const { at: newAt, entries } = replica.status()
  const answer = await replica.many('products', ids)
  // Before that the collections may not have been checked, and then nothing is served at all.
  look()
  expect(newAt > at).toBe(true)
  const { resyncs } = replica.status()
  return { resyncs, entries, old, answered: valuesOf(answer), stored: await storedIn(collection) }
}

test('R10 history lost from the oplog starts a new epoch, and nothing old is served as new', async () => {
  const { resyncs, entries, old, answered, stored } = await answersAfterALoss({})
  // The expired resume token was tried once.
  expect({ resyncs, entries, old }).toEqual({ resyncs: { start: 1, HISTORY_LOST: 1 }, entries: 0, old: 0 })
  expect(answered).toEqual(stored)
})

test('R10 the same test detects a cache that keeps entries across a gap', async () => {
  const { old, answered, stored } = await answersAfterALoss({
    cache: (options) => new KeepsAcrossGaps(options),
  })
  expect(old).toBeGreaterThan(0)
  expect(answered).not.toEqual(stored)
})

/** Reconnects to a backlog of more than two seconds. Returns what happened to the replica. */
async function comesBackLate(maxBehindSeconds: number) {
  await using proxy = await CutProxy.open(db.servers.members[0]?.port ?? 0)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  // The first change of the backlog arrives alone.
  await using replica = await openReplica(db, { uri, source: { maxBehindSeconds, batchSize: 1 } })
  await replica.many('products', ids, { atLeast: 'now' })
  proxy.cut()
  await eventually(() => expect(replica.state.kind).toBe('lagging'))
  await writeBacklog(db.admin, db.database, 2)
  await changeMuch(products)
  proxy.resume()
  await eventually(() =>
    expect(replica.status()).toMatchObject({ brokenBy: undefined, state: { kind: 'live' } }),
  )
  const answer = await replica.many('products', ids, { atLeast: 'now', waitMs: 30_000 })
  const { epoch, resyncs } = replica.status()
  return { epoch, resyncs, answered: valuesOf(answer), stored: await storedIn(products) }
}

test('R10 a replica that reconnects too far behind starts a new epoch with the reason and misses nothing', async () => {
  const { epoch, resyncs, answered, stored } = await comesBackLate(1)
  expect({ epoch, resyncs }).toEqual({ epoch: 2, resyncs: { start: 1, TOO_FAR_BEHIND: 1 } })
  expect(answered).toEqual(stored)
})

test('R10 the same backlog is no loss with a larger limit', async () => {
  const { epoch, answered, stored } = await comesBackLate(240)
  expect(epoch).toBe(1)
  expect(answered).toEqual(stored)
})
