import { getEventListeners } from 'node:events'
import { afterAll, expect, test } from '@jest/globals'
import { ByteBudget, Backoff, systemClock, type Clock } from '@freshet/kit'
import { positionOf, type Position } from '@freshet/protocol'
import { openTestDatabase } from '@freshet/testkit'
import { BSON, MongoClient, Timestamp } from 'mongodb'
import type { DocumentPlace } from '../src/store/contract.ts'
import { ReadModifyWrites } from '../src/store/mongodb/read-modify-writes.ts'
import { ReadBudget } from '../src/store/read-budget.ts'
import {
  SnapshotTransactions,
  type Retries,
  type TransactionsOptions,
} from '../src/store/mongodb/transactions.ts'

const db = await openTestDatabase({ collections: ['products'] })
afterAll(() => db[Symbol.asyncDispose]())

const looks = new ByteBudget({ maxBytes: 2 ** 26, clock: systemClock }).part('looks')
const pauses = (): Backoff => new Backoff({ firstMs: 4, maxMs: 100 }, Math.random)
const retries = { times: 100, pauses, clock: systemClock }
const latestPosition = () => Promise.reject(new Error('every reply has a time'))

const changesOver = (
  connection: TransactionsOptions['connection'],
  rules: Retries = retries,
): ReadModifyWrites =>
  new ReadModifyWrites({
    database: 'shop',
    transactions: new SnapshotTransactions({
      connection,
      acknowledgeWithinMs: 60_000,
      retries: rules,
      latestPosition,
    }),
    readBudget: new ReadBudget({ small: looks, large: looks, maxLargeWaiting: 50 }),
  })

const placeOf = (id: string): DocumentPlace => ({ collection: { stored: 'products', idType: 'string' }, id })

test('writes waiting for a retry do not share one signal: Node.js would warn of a leak', async () => {
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
  const changes = changesOver({ writes: db.admin }, { ...retries, clock })
  const write = (n: number): Promise<unknown> =>
    changes.change(placeOf('hot'), () => ({ write: BSON.serialize({ _id: 'hot', n }), value: n }), undefined)
  await Promise.all(Array.from({ length: 30 }, (_, n) => write(n)))
  expect(listening.length).toBeGreaterThan(10)
  expect(Math.max(...listening)).toBe(1)
})

test('W5 the time of a statement is never used for a commit whose reply has none', async () => {
  const statement = new Timestamp({ t: 5, i: 1 })
  const session = {
    operationTime: undefined as Timestamp | undefined,
    startTransaction: () => undefined,
    commitTransaction: async () => undefined,
    endSession: async () => undefined,
  }
  const transactions = (latestPosition: () => Promise<Position>): SnapshotTransactions =>
    new SnapshotTransactions({
      connection: { writes: { startSession: () => session } as never },
      acknowledgeWithinMs: 60_000,
      retries: {
        times: 0,
        pauses: () => new Backoff({ firstMs: 1, maxMs: 1 }, Math.random),
        clock: systemClock,
      },
      latestPosition,
    })
  const run = (wrote: boolean, latestPosition: () => Promise<Position>): Promise<unknown> =>
    transactions(latestPosition).run(async () => {
      session.operationTime = statement
      return { value: undefined, wrote }
    })
  const at = positionOf(9, 1)
  expect(await run(true, async () => at)).toMatchObject({ at })
  const none = () => Promise.reject(new Error('none'))
  await expect(run(true, none)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  await expect(run(false, none)).rejects.toMatchObject({ code: 'UNCONFIRMED' })
})

test('W5 a transaction continues with the client that began it, even after the client is replaced', async () => {
  const other = new MongoClient(db.adminUri)
  try {
    for (const write of [BSON.serialize({ _id: 'renewed', n: 1 }), 'remove'] as const) {
      let current = db.admin
      const changes = changesOver({
        get writes() {
          return current
        },
      })
      const renew = (): void => void (current = other)
      const cause = [{ handler: 'stock/recount', heard: 'orders/42', writes: ['products'] }]
      const answer = { request: Buffer.from('r'), status: 200, etag: undefined, location: undefined } as const
      const done = await changes.changeOnce(
        placeOf('renewed'),
        {
          key: Buffer.from(`key of ${typeof write}`),
          answerOf: () => ({ ...answer, json: undefined }),
        },
        () => {
          renew()
          return { write, value: 'done' }
        },
        cause,
      )
      expect(done).toMatchObject({ value: { kind: 'done', value: 'done' }, wrote: true })
    }
  } finally {
    await other.close()
  }
})
