import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { renameTimeline } from '@freshet/migration'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import type { Replica } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { openReplica } from './support/mongo/open-replica.ts'

let db: TestDatabase
interface Stored {
  readonly _id: string
  readonly value?: number
}

let control: Collection<Stored>
let products: Collection<Stored>

beforeAll(async () => {
  db = await openTestDatabase({ own: true })
  control = db.admin.db(db.database).collection<Stored>('freshet')
  products = db.admin.db(db.database).collection<Stored>('products')
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await products.replaceOne({ _id: 'p' }, { value: 1 }, { upsert: true })
})

/** The number of epochs by reason. */
const resyncs = (replica: Replica<Parsed>): Readonly<Record<string, number>> => replica.status().resyncs

async function valueIn(replica: Replica<Parsed>): Promise<unknown> {
  const [value = ABSENT] = (await replica.get('products', 'p')).values
  return value === ABSENT ? undefined : value.document['value']
}

test('R10 a renamed timeline is another source: it starts a new epoch, and positions of the old one are refused', async () => {
  await using replica = await openReplica(db)
  expect(await valueIn(replica)).toBe(1)
  const { source, at } = replica.status()
  if (source === undefined) throw new Error('a live replica has a source')
  await replica.get('products', 'p', { atLeast: { source, at } })
  await renameTimeline(db.adminUri, db.database)
  await eventually(() => {
    expect(replica.status().source).not.toBe(source)
    expect(replica.state.kind).toBe('live')
  })
  expect(resyncs(replica)).toEqual({ start: 1, SOURCE_CHANGED: 1 })
  const old = { source, at }
  const wait = { waitMs: 30_000 }
  await expect(replica.get('products', 'p', { atLeast: old, ...wait })).rejects.toMatchObject({
    code: 'WRONG_SOURCE',
  })
  await expect(replica.atLeast(old, wait)).rejects.toMatchObject({ code: 'WRONG_SOURCE' })
  expect(await replica.get('products', 'p')).toMatchObject({ via: 'miss', source: replica.status().source })
})

test('R10 without its control document the database is not served until the document is back', async () => {
  await using replica = await openReplica(db)
  expect(await valueIn(replica)).toBe(1)
  const { source } = replica.status()
  const document = await control.findOne({ _id: 'source' })
  if (document === null) throw new Error('the migration made it')
  const { reopens } = replica.status()
  await control.deleteOne({ _id: document._id })
  await eventually(() => expect(replica.state).toEqual({ kind: 'lost', reason: 'SOURCE_UNKNOWN' }))
  expect(replica.peek('products/p')).toBeUndefined()
  for (const read of [
    () => replica.get('products', 'p'),
    () => replica.get('products', 'p', { atLeast: 'now' }),
    () => replica.many('products', ['p', 'q']),
    () => replica.now({ waitMs: 60_000 }),
  ])
    await expect(read()).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
  await products.updateOne({ _id: 'p' }, { $set: { value: 2 } })
  // It keeps retrying, at a rate limited by the follower.
  await eventually(() => expect(replica.status().reopens).toBeGreaterThan(reopens + 2))
  await control.insertOne(document)
  await eventually(() => expect(replica.state.kind).toBe('live'))
  expect([await valueIn(replica), replica.status().source]).toEqual([2, source])
})
