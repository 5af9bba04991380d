import { afterAll, beforeEach, expect, test } from '@jest/globals'
import { eventually, holdReplication, openTestDatabase } from '@freshet/testkit'
import { BSON, MongoClient } from 'mongodb'
import type { DocumentPlace } from '../src/store/contract.ts'
import { MongoStore } from '../src/store/mongodb/store.ts'

const ACKNOWLEDGE_WITHIN_MS = 3_000

const db = await openTestDatabase({ own: true, nodes: 3 })
const client = new MongoClient(db.uriFor('writer'), { socketTimeoutMS: ACKNOWLEDGE_WITHIN_MS + 1_000 })
afterAll(async () => {
  await client.close()
  await db[Symbol.asyncDispose]()
})

const shop = db.admin.db('shop')
const products = shop.collection<{ readonly _id: string; readonly name?: string }>('products')
await products.createIndex({ name: 1 }, { unique: true })
beforeEach(() => products.deleteMany({}))

const store = new MongoStore({
  connection: { writes: client },
  database: 'shop',
  acknowledgeWithinMs: ACKNOWLEDGE_WITHIN_MS,
  latestPosition: () => Promise.reject(new Error('it is not needed')),
  changes: { change: unused, changeOnce: unused },
  checks: { around: (_, write) => write() },
})

function unused(): never {
  throw new Error('it is not needed')
}

const place = { collection: { stored: 'products' }, id: 'unused' } as DocumentPlace

const insert = (id: string, name = id): Promise<unknown> =>
  store.insert(place, BSON.serialize({ _id: id, name }) as never).then(
    ({ outcome }) => `${id} ${outcome}`,
    ({ code }: { readonly code: string }) => `${id} ${code}`,
  )

/** Sends these as one command: two others run first. */
async function insertGroup(
  ...documents: readonly (readonly [id: string, name?: string])[]
): Promise<unknown[]> {
  const first = ['1', '2'].map((id) => insert(id))
  const group = documents.map(([id, name]) => insert(id, name))
  await Promise.all(first)
  return Promise.all(group)
}

/** Holds a document in a transaction, for which the server lets others with its id or name wait. */
async function hold(_id: string, name = _id): Promise<AsyncDisposable & { commit(): Promise<void> }> {
  const session = db.admin.startSession()
  session.startTransaction()
  await products.insertOne({ _id, name }, { session })
  return {
    commit: () => session.commitTransaction(),
    [Symbol.asyncDispose]: () => session.endSession(),
  }
}

const stored = async (): Promise<readonly string[]> =>
  (await products.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)

async function insertCommands(): Promise<number> {
  const { metrics } = await db.admin.db('admin').command({ serverStatus: 1 })
  return Number(metrics.commands.insert.total)
}

test('W10 documents that share a command with some that wait for locks get their own answers', async () => {
  await products.insertOne({ _id: 'there', name: 'there' })
  await using _ = await hold('held', 'held too')
  const answers = insertGroup(['a'], ['there'], ['held'], ['b'], ['other', 'held too'], ['c', 'a'], ['d'])
  expect(await answers).toEqual([
    'a created',
    'there taken',
    'held OUTCOME_UNKNOWN',
    'b created',
    'other OUTCOME_UNKNOWN',
    'c NOT_UNIQUE',
    'd created',
  ])
  expect(await stored()).toEqual(['1', '2', 'a', 'b', 'd', 'there'])
})

test('W10 what the first command stored is not stored again after others deleted it', async () => {
  await using _ = await hold('held')
  const answers = insertGroup(['a'], ['held'], ['b'])
  await eventually(async () =>
    expect(await products.deleteOne({ _id: 'a' })).toMatchObject({ deletedCount: 1 }),
  )
  expect(await answers).toEqual(['a created', 'held OUTCOME_UNKNOWN', 'b created'])
  expect(await stored()).toEqual(['1', '2', 'b'])
})

test('W10 documents that waited are stored or refused once the locks are released', async () => {
  const aborted = await hold('x')
  await using committed = await hold('y')
  const answers = insertGroup(['x'], ['y'], ['a'])
  await eventually(async () => expect(await stored()).toEqual(['1', '2', 'a']))
  await aborted[Symbol.asyncDispose]()
  await committed.commit()
  expect(await answers).toEqual(['x created', 'y taken', 'a created'])
  expect(await stored()).toEqual(['1', '2', 'a', 'x', 'y'])
})

test('W10 a majority that acknowledges late is waited for, and nothing is told apart', async () => {
  await products.insertOne({ _id: 'there', name: 'there' }, { writeConcern: { w: 'majority' } })
  const before = await insertCommands()
  let answers: Promise<unknown[]>
  {
    await using _ = await holdReplication(db)
    answers = insertGroup(['a'], ['there'], ['b'])
    // Two alone, the group, and the group again.
    await eventually(async () => expect(await insertCommands()).toBe(before + 4))
  }
  expect(await answers).toEqual(['a created', 'there taken', 'b created'])
})

test('W10 without a majority, only what was refused is known not to be stored', async () => {
  await products.insertOne({ _id: 'there', name: 'there' }, { writeConcern: { w: 'majority' } })
  await using _ = await holdReplication(db)
  const answers = insertGroup(['a'], ['there'], ['b'])
  expect(await answers).toEqual(['a OUTCOME_UNKNOWN', 'there UNCONFIRMED', 'b OUTCOME_UNKNOWN'])
})
