import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { BSONSymbol, Decimal128, Double, Int32, Long } from 'bson'
import type { Collection, Document } from 'mongodb'
import type { Replica } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { openReplica } from './support/mongo/open-replica.ts'

/** A document of another program, with an `_id` of any type. */
type ForeignId = string | number | Int32 | Long | Double | Decimal128 | BSONSymbol

interface Foreign extends Document {
  readonly _id: ForeignId
}

let db: TestDatabase
let warm: Replica<Parsed>

beforeAll(async () => {
  db = await openTestDatabase({ collections: ['products', 'numbers'] })
  warm = await open()
})
afterAll(async () => {
  await warm.close()
  await db[Symbol.asyncDispose]()
})

function open(): Promise<Replica<Parsed>> {
  return openReplica(db, { collections: { products: 'string', numbers: 'integer' } })
}

const decimal = (text: string): Decimal128 => Decimal128.fromString(text)
const symbol = (text: string): BSONSymbol => new BSONSymbol(text)

type Act = (collection: Collection<Foreign>) => Promise<unknown>

const replace =
  (from: ForeignId, to: ForeignId): Act =>
  (collection) =>
    collection.replaceOne({ _id: from }, { _id: to, n: 2 }, { upsert: true })
const update =
  (id: ForeignId): Act =>
  (collection) =>
    collection.updateOne({ _id: id }, { $set: { n: 2 } })
const remove =
  (id: ForeignId): Act =>
  (collection) =>
    collection.deleteOne({ _id: id })
const insert =
  (id: ForeignId): Act =>
  (collection) =>
    collection.insertOne({ _id: id, n: 2 })

/** The initial document, what another program does to it, and the final `n`. */
test.each<[string, 'products' | 'numbers', string, ForeignId | undefined, Act, number | undefined]>([
  ['an int over a decimal', 'numbers', '11', decimal('11'), replace(11, new Int32(11)), 2],
  ['an int over a decimal with zeros', 'numbers', '12', decimal('12.00'), replace(12, new Int32(12)), 2],
  ['a decimal over an int', 'numbers', '13', new Int32(13), replace(13, decimal('1.3E+1')), 2],
  ['a decimal over a double', 'numbers', '14', new Double(14), replace(14, decimal('14.0')), 2],
  [
    'a long over a decimal',
    'numbers',
    '-5000000000',
    decimal('-5E+9'),
    replace(-5e9, Long.fromNumber(-5e9)),
    2,
  ],
  ['a decimal 0 over the double -0', 'numbers', '0', new Double(-0), replace(0, decimal('-0E+3')), 2],
  ['a new decimal', 'numbers', '15', undefined, insert(decimal('15.000')), 2],
  ['an update of a decimal', 'numbers', '16', decimal('16.0'), update(16), 2],
  ['a delete of a decimal', 'numbers', '17', decimal('17.0'), remove(17), undefined],
  [
    'a fraction',
    'numbers',
    '18',
    undefined,
    insert(decimal('18.00000000000000000000000000000001')),
    undefined,
  ],
  ['a string over a symbol', 'products', 'a', symbol('a'), replace('a', 'a'), 2],
  ['a symbol over a string', 'products', 'b', 'b', replace('b', symbol('b')), 2],
  ['a new symbol', 'products', 'c', undefined, insert(symbol('c')), 2],
  ['a delete of a symbol', 'products', 'd', symbol('d'), remove('d'), undefined],
])('R19 readers agree after %s', async (_name, name, id, before, act, n) => {
  const collection = db.admin.db(db.database).collection<Foreign>(name)
  if (before !== undefined) await collection.insertOne({ _id: before, n: 1 })
  const [held] = (await warm.get(name, id, { atLeast: 'now' })).values
  expect(held === ABSENT ? undefined : held?.document['n']).toBe(before === undefined ? undefined : 1)
  await act(collection)
  await using cold = await open()
  for (const replica of [warm, cold]) {
    const [value] = (await replica.get(name, id, { atLeast: 'now' })).values
    expect(value === ABSENT ? undefined : value?.document['n']).toBe(n)
  }
})
