import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import type { Replica } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { openReplica } from './support/mongo/open-replica.ts'

interface Product {
  readonly _id: string
  readonly value: number
}

const ids = Array.from({ length: 300 }, (_, n) => `p${n}`)
/** Visible to the feed immediately, not only at the next journal flush. */
const durable = { writeConcern: { w: 'majority', j: true } } as const

let db: TestDatabase
let products: Collection<Product>

beforeAll(async () => {
  db = await openTestDatabase()
  products = db.admin.db(db.database).collection<Product>('products')
})
afterAll(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  await products.deleteMany({})
  await products.insertMany(ids.map((_id) => ({ _id, value: 0 })))
})

/** Another program changes all documents in place. Resolves when the replica has seen it. */
async function increment(replica: Replica<Parsed>): Promise<void> {
  await products.updateMany({}, { $inc: { value: 1 } }, durable)
  await replica.now({ waitMs: 60_000 })
}

/** How each document was found, and with which value. */
async function request(replica: Replica<Parsed>): Promise<readonly (readonly [string, unknown])[]> {
  const found: (readonly [string, unknown])[] = []
  for (const id of ids) {
    const { via, values } = await replica.get('products', id)
    const [value = ABSENT] = values
    found.push([via, value === ABSENT ? undefined : value.document['value']])
  }
  return found
}

const allHits = (value: number): readonly unknown[] => ids.map(() => ['hit', value])

test('R25 documents in use are cached again after another program has changed them in place', async () => {
  await using replica = await openReplica(db)
  await replica.many('products', ids)
  const { misses } = replica.status()
  for (let round = 1; round <= 3; round += 1) {
    await increment(replica)
    await eventually(() => expect(replica.status().entries).toBe(ids.length))
    expect(await request(replica)).toEqual(allHits(round))
  }
  expect(replica.status()).toMatchObject({ misses, refreshes: 3 * ids.length })
})

test('R25 what nobody requests is read again four times, and dropped at its next change', async () => {
  await using replica = await openReplica(db)
  await replica.many('products', ids)
  for (let round = 1; round <= 4; round += 1) {
    await increment(replica)
    await eventually(() =>
      expect(replica.status()).toMatchObject({ entries: ids.length, refreshes: round * ids.length }),
    )
  }
  await increment(replica)
  expect(await request(replica)).toEqual(ids.map(() => ['miss', 5]))
  expect(replica.status()).toMatchObject({ refreshes: 4 * ids.length })
})

test('R25 control: without refreshes every document is a miss', async () => {
  await using replica = await openReplica(db, { options: { maxRefreshes: 0 } })
  await replica.many('products', ids)
  await increment(replica)
  expect(replica.status()).toMatchObject({ entries: 0, refreshes: 0 })
  expect(await request(replica)).toEqual(ids.map(() => ['miss', 1]))
})

test('R25 what waits to be read again is bounded, and the rest is dropped', async () => {
  await using replica = await openReplica(db, { options: { maxRefreshes: 10 } })
  await replica.many('products', ids)
  // One transaction is applied in one turn, so nothing leaves the queue meanwhile.
  await db.admin.withSession((session) =>
    session.withTransaction(async () => {
      await products.updateMany({}, { $inc: { value: 1 } }, { session })
    }),
  )
  await replica.now({ waitMs: 60_000 })
  await eventually(() => expect(replica.status()).toMatchObject({ entries: 10, refreshes: 10 }))
})

test('R25 a replica that was closed reads nothing again', async () => {
  const replica = await openReplica(db)
  await replica.many('products', ids)
  await products.updateMany({}, { $inc: { value: 1 } }, durable)
  await replica.close()
  await expect(replica.get('products', 'p0')).rejects.toMatchObject({ code: 'STOPPED' })
})
