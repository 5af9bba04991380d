import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { Hearing } from '@freshet/change-stream/conformance'
import { systemClock, type Clock, type MonotonicMs } from '@freshet/kit'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import { MongoSource } from '../src/index.ts'
import { openSource } from './support/open-source.ts'

let db: TestDatabase
let products: Collection<{ readonly _id: string }>
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  products = db.admin.db('shop').collection('products')
  await products.deleteMany({})
})

/** Once `held` is set, a wait on this clock ends only when it is told to. */
class HeldClock implements Clock {
  held = false
  readonly waits: { readonly ms: number; readonly end: () => void }[] = []
  now = (): MonotonicMs => systemClock.now()
  wallMs = (): number => systemClock.wallMs()
  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((end) => {
      if (!this.held) return end()
      this.waits.push({ ms, end })
      signal?.addEventListener('abort', () => end(), { once: true })
    })
}

const ids = (hearing: Hearing): readonly (readonly string[])[] =>
  hearing.batches.flatMap(({ changes }) => {
    const inserted = changes.flatMap((change) => (change.kind === 'upsert' ? [change.id] : []))
    return inserted.length > 0 ? [inserted] : []
  })

test('F31 changes that come during the wait are one batch, and the first one is not held back', async () => {
  await using opened = await openSource(db, { options: { batchEveryMs: 20 } })
  const clock = new HeldClock()
  const source = new MongoSource({ ...opened.parts, clock })
  await using hearing = new Hearing(source, await source.start(new AbortController().signal))
  clock.held = true
  await products.insertOne({ _id: 'first' })
  await hearing.until(() => ids(hearing).length === 1)
  for (let n = 0; n < 5; n += 1) await products.insertOne({ _id: `later-${n}` })
  await eventually(() => expect(clock.waits.map(({ ms }) => ms)).toEqual([20]))
  expect(ids(hearing)).toEqual([['first']])
  for (const { end } of clock.waits.splice(0)) end()
  await hearing.until(() => ids(hearing).length === 2)
  expect(ids(hearing)).toEqual([['first'], [0, 1, 2, 3, 4].map((n) => `later-${n}`)])
})

test('F32 a bulk insert arrives in small batches, with a turn of the event loop between them', async () => {
  await using opened = await openSource(db)
  const stopped = new AbortController()
  const origin = await opened.source.start(stopped.signal)
  let turn = 0
  const count = (): void => {
    turn += 1
    if (!stopped.signal.aborted) setImmediate(count)
  }
  count()
  await products.insertMany(Array.from({ length: 2_000 }, (_, n) => ({ _id: `bulk-${n}` })))
  const seen: { readonly turn: number; readonly size: number }[] = []
  for await (const { changes } of opened.source.read(origin, stopped.signal)) {
    if (changes.length > 0) seen.push({ turn, size: changes.length })
    if (seen.reduce((sum, { size }) => sum + size, 0) >= 2_000) break
  }
  stopped.abort()
  expect(Math.max(...seen.map(({ size }) => size))).toBeLessThanOrEqual(128)
  // A turn is counted before or after a batch of the same turn. Without turns between them there would be one for each reply.
  const turns = (seen.at(-1)?.turn ?? 0) - (seen[0]?.turn ?? 0)
  expect(turns).toBeGreaterThanOrEqual(seen.length / 2)
})
