import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Answer } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { openReplica, type OpenReplicaOptions } from './support/mongo/open-replica.ts'
import { timestampOf } from './support/mongo/positions.ts'
import { stampedFills } from './support/mongo/stamped-fills.ts'

interface Product {
  readonly _id: string
  readonly value: number
}

let db: TestDatabase

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

/** A fail point after a command's work, before its reply with the operationTime is built. */
const failPoint = 'waitAfterCommandFinishesExecution'

/** Whether the server is blocking a finished read. */
async function holdsARead(): Promise<void> {
  const stages = [{ $currentOp: { allUsers: true } }, { $match: { failpointMsg: failPoint } }]
  await eventually(async () => expect(await db.admin.db('admin').aggregate(stages).toArray()).toHaveLength(1))
}

/** A replica's answer, and the database's state at the position it named. */
async function judged({ at, values: [value = ABSENT] }: Answer<Parsed>) {
  const readConcern = { level: 'snapshot', atClusterTime: timestampOf(at) }
  const command = { find: 'products', filter: { _id: 'p' }, readConcern }
  const { cursor } = await db.admin.db(db.database).command(command)
  return { given: value === ABSENT ? undefined : value.document['value'], was: cursor.firstBatch[0].value }
}

/** Visible to the feed immediately, not only at the next journal flush. */
const durable = { writeConcern: { w: 'majority', j: true } } as const

/** A document changes after the server has read it and before the reply gets its operationTime. */
async function changeBehindTheRead(given: OpenReplicaOptions) {
  const products = db.admin.db(db.database).collection<Product>('products')
  await products.replaceOne({ _id: 'p' }, { value: 1 }, { ...durable, upsert: true })
  // The read stays blocked for as long as the test needs.
  const patience = { snapshotReadMs: 60_000, replyWithinMs: 60_000 }
  const limits = { options: { sourceReadMs: 60_000 }, source: patience }
  await using replica = await openReplica(db, { ...limits, ...given })
  const data = { ns: `${db.database}.products`, commands: ['find'] }
  const holding = await db.failPoint(failPoint, 'alwaysOn', data)
  const first = replica.get('products', 'p', { waitMs: 60_000 })
  await holdsARead()
  await products.replaceOne({ _id: 'p' }, { value: 2 }, durable)
  await replica.now({ waitMs: 60_000 })
  await holding[Symbol.asyncDispose]()
  const answers = [await judged(await first)]
  // No later change mentions this document.
  await products.replaceOne({ _id: 'another' }, { value: 1 }, { ...durable, upsert: true })
  answers.push(await judged(await replica.get('products', 'p', { atLeast: 'now' })))
  return answers
}

test('R3 a read overtaken between its work and its reply does not win over the change', async () => {
  expect(await changeBehindTheRead({})).toEqual([
    { given: 2, was: 2 },
    { given: 2, was: 2 },
  ])
})

test('R3 in the same race a replica that stamps reads with the operationTime of the reply stays stale', async () => {
  expect(await changeBehindTheRead(stampedFills())).toEqual([
    { given: 1, was: 2 },
    { given: 1, was: 2 },
  ])
})
