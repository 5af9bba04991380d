import { getEventListeners } from 'node:events'
import { afterAll, expect, test } from '@jest/globals'
import { Backoff, systemClock, type Clock } from '@freshet/kit'
import { openTestDatabase } from '@freshet/testkit'
import { BSON } from 'mongodb'
import { MongoStore } from '../src/store/mongo-store.ts'

const db = await openTestDatabase({ collections: ['products'] })
afterAll(() => db[Symbol.asyncDispose]())

test('writes that wait for another attempt do not wait for one and the same signal: Node.js would warn of a leak', async () => {
  const listening: number[] = []
  const clock: Clock = {
    now: () => systemClock.now(),
    wallMs: () => systemClock.wallMs(),
    sleep: (ms, signal) => {
      const slept = systemClock.sleep(ms, signal)
      listening.push(getEventListeners(signal, 'abort').length)
      return slept
    },
  }
  const pauses = (): Backoff => new Backoff({ firstMs: 4, maxMs: 100 }, Math.random)
  const retries = { times: 100, pauses, clock }
  const connection = { writes: db.admin }
  const store = new MongoStore({ connection, database: 'shop', acknowledgeWithinMs: 60_000, retries })
  const write = (n: number): Promise<unknown> =>
    store.change('products', 'hot', () => ({ write: BSON.serialize({ _id: 'hot', n }), value: n }))
  await Promise.all(Array.from({ length: 30 }, (_, n) => write(n)))
  expect(listening.length).toBeGreaterThan(10)
  expect(Math.max(...listening)).toBe(1)
})
