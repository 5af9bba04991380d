import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { IdType } from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import {
  Binary,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
  UUID,
} from 'bson'
import type { Db } from 'mongodb'

const oid = ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718')
const uuid = new UUID('01890a5d-ac96-774b-bcce-b302099a8057')
const decimal = (text: string): Decimal128 => Decimal128.fromString(text)

/** The two upper bits select the other encoding, whose coefficient never fits: the value is 0. */
const otherForm = new Decimal128(Buffer.from('0b000000000000000000000000000c6c', 'hex'))
/** 10^34, one more than a decimal's coefficient can hold: also 0. */
const tooManyDigits = new Decimal128(Buffer.from('00000000648e8d37c087adbe09ed4130', 'hex'))

/** Values that the server may treat as equal. */
const numbers: readonly unknown[] = [
  ...[0, -0, 11, -11, 8, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 11.5, Number.NaN, Infinity].map((n) => new Double(n)),
  ...[0, 11, -11, 8, 2 ** 31 - 1].map((n) => new Int32(n)),
  ...['0', '11', '-11', '8', '2147483648', '9007199254740991', '9007199254740992', '9007199254740993'].map(
    (n) => Long.fromString(n),
  ),
  ...['0', '-0', '0E+10', '0E-6176', '11', '11.0', '1.1E+1', '110E-1', '-11', '8', '8.00', '11.5', 'NaN'].map(
    decimal,
  ),
  ...['11.00000000000000000000000000000001', '10.99999999999999999999999999999999'].map(decimal),
  ...['9007199254740991', '9007199254740991.0', '9007199254740992', '9.007199254740993E+15'].map(decimal),
  ...['2147483648', '2.147483648E+9', '1E+6111', '11E-6176', 'Infinity', '-Infinity'].map(decimal),
  otherForm,
  tooManyDigits,
]
const texts: readonly unknown[] = [
  'a',
  '11',
  'abc',
  oid.toHexString(),
  uuid.toHexString(),
  ...['a', '11', 'abc', 'a b'].map((text) => new BSONSymbol(text)),
  ...['a', '11'].map((text) => new Code(text)),
  new Code('a', {}),
]
const others: readonly unknown[] = [
  oid,
  uuid,
  new Binary(uuid.value(), Binary.SUBTYPE_UUID),
  ...[0, 2, 3, 128].map((subtype) => new Binary(uuid.value(), subtype)),
  new Binary(uuid.value().subarray(1), Binary.SUBTYPE_UUID),
  new Binary(oid.id),
  new Date(11),
  new Timestamp({ t: 0, i: 11 }),
  new Timestamp({ t: 11, i: 0 }),
  true,
  false,
  null,
  new MinKey(),
  new MaxKey(),
  { a: 11 },
  { a: new Double(11) },
]
const idTypes: readonly IdType[] = ['string', 'objectid', 'integer', 'uuid']

let db: TestDatabase
let app: Db

beforeAll(async () => {
  db = await openTestDatabase()
  app = db.admin.db('shop')
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

/** Indexes in `all`, starting at one, of the values that match a document with this `_id`. */
async function heldEqual(
  value: unknown,
  all: readonly unknown[],
  from: number,
): Promise<ReadonlySet<number>> {
  await app.command({ delete: 'pairs', deletes: [{ q: {}, limit: 0 }] })
  await app.command({ insert: 'pairs', documents: [{ _id: value }] })
  const found = new Set<number>()
  for (const [place, other] of all.entries()) {
    if (place < from) continue
    const reply = await app.command({ find: 'pairs', filter: { _id: { $eq: other } } })
    if (reply['cursor'].firstBatch.length > 0) found.add(place)
  }
  return found
}

test('F22 values of _id have the same text exactly if the server treats them as equal, whatever their types', async () => {
  const all = [...numbers, ...texts, ...others]
  const textsOf = idTypes.map((idType) =>
    all.map((value) => idFromDocument(idType, serialize({ _id: value }))),
  )
  const different: string[] = []
  for (const [place, value] of all.entries()) {
    const equal = await heldEqual(value, all, place)
    for (const [n, idType] of idTypes.entries()) {
      const own = textsOf[n]?.[place]
      for (const [otherPlace, text] of (textsOf[n] ?? []).entries()) {
        if (otherPlace < place || (own === undefined && text === undefined)) continue
        if ((own === text) !== equal.has(otherPlace))
          different.push(`${idType}: ${name(value)} is ${own}, ${name(all[otherPlace])} is ${text}`)
      }
    }
  }
  expect(different).toEqual([])
})

function name(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `${value.constructor.name} ${JSON.stringify(value)}`
    : JSON.stringify(value)
}
