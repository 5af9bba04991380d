import { getEventListeners } from 'node:events'
import { afterAll, expect, test } from '@jest/globals'
import { ByteBudget, Backoff, systemClock, type Clock } from '@freshet/kit'
import { positionOf, type Position } from '@freshet/protocol'
import { openTestDatabase } from '@freshet/testkit'
import { BSON, Timestamp } from 'mongodb'
import { LookRoom } from '../src/store/look-room.ts'
import { MongoStore } from '../src/store/mongo-store.ts'
import { SnapshotTransactions } from '../src/store/transactions.ts'

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
  const looks = new ByteBudget({ maxBytes: 2 ** 26, clock: systemClock }).part('looks')
  const connection = { writes: db.admin }
  const store = new MongoStore({
    connection,
    database: 'shop',
    acknowledgeWithinMs: 60_000,
    retries,
    later: () => Promise.reject(new Error('every reply tells its time')),
    room: new LookRoom({ small: looks, large: looks, maxLargeWaiting: 50 }, systemClock),
  })
  const write = (n: number): Promise<unknown> =>
    store.change('products', 'hot', () => ({ write: BSON.serialize({ _id: 'hot', n }), value: n }))
  await Promise.all(Array.from({ length: 30 }, (_, n) => write(n)))
  expect(listening.length).toBeGreaterThan(10)
  expect(Math.max(...listening)).toBe(1)
})

test('W5 the time of a statement is never taken for the one of a commit whose reply tells none', async () => {
  const statement = new Timestamp({ t: 5, i: 1 })
  const session = {
    operationTime: undefined as Timestamp | undefined,
    startTransaction: () => undefined,
    commitTransaction: async () => undefined,
    endSession: async () => undefined,
  }
  const transactions = (later: () => Promise<Position>): SnapshotTransactions =>
    new SnapshotTransactions({
      connection: { writes: { startSession: () => session } as never },
      acknowledgeWithinMs: 60_000,
      retries: {
        times: 0,
        pauses: () => new Backoff({ firstMs: 1, maxMs: 1 }, Math.random),
        clock: systemClock,
      },
      later,
    })
  const run = (wrote: boolean, later: () => Promise<Position>): Promise<unknown> =>
    transactions(later).run(async () => {
      session.operationTime = statement
      return { value: undefined, wrote }
    })
  const at = positionOf(9, 1)
  expect(await run(true, async () => at)).toMatchObject({ at })
  const none = () => Promise.reject(new Error('none'))
  await expect(run(true, none)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  await expect(run(false, none)).rejects.toMatchObject({ code: 'UNCONFIRMED' })
})
