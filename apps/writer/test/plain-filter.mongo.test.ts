import { afterAll, expect, test } from '@jest/globals'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { bsonValues, openTestDatabase, seededRandom } from '@freshet/testkit'
import { BSON, Decimal128, Double, Int32, Long } from 'mongodb'
import { isPlain } from '../src/store/mongodb/plain-filter.ts'
import { listOf, plainReplacement } from '../src/store/mongodb/statements.ts'

const { firstNotPlain } = mongodbCodec

const db = await openTestDatabase()
afterAll(() => db[Symbol.asyncDispose]())
const products = db.admin.db('shop').collection('products')

const values: readonly unknown[] = [
  'text',
  '',
  true,
  null,
  new Int32(5),
  new Double(5),
  new Double(0.1),
  new Double(-0),
  new Double(1e300),
  new Double(2 ** 60),
  Long.fromString('5'),
  Long.fromString('9007199254740991'),
  Long.fromString('-9007199254740991'),
  Long.fromString('9007199254740992'),
  Long.fromString('-9007199254740992'),
  {},
  [],
]
const oddValues: readonly unknown[] = [
  Long.fromString('9007199254740994'),
  Long.fromString('-9007199254740994'),
  Long.MAX_VALUE,
  new Double(Number.NaN),
  new Double(Infinity),
  new Double(-Infinity),
  Decimal128.fromString('5'),
  Decimal128.fromString('NaN'),
  ...Object.values(bsonValues),
]

/** The ids of the documents that match the filter. */
async function matched(): Promise<ReadonlySet<string>> {
  const found = await products
    .find({ $expr: BSON.deserialize(isPlain) }, { projection: { _id: 1 } })
    .toArray()
  return new Set(found.map(({ _id }) => String(_id)))
}

test('the filter on the server and the codec agree on which documents are plain, whatever they contain', async () => {
  const random = seededRandom()
  const { pick } = random
  const value = (levels: number): unknown => {
    const kind = random.below(10)
    if (levels > 0 && kind < 2) return Array.from({ length: random.below(4) }, () => value(levels - 1))
    if (levels > 0 && kind < 5) return document(levels - 1)
    return random.below(40) === 0 ? pick(oddValues) : pick(values)
  }
  const names = ['a', 'b', 'id', 'k', 'v', '0', '$x', 'x.y', '', 'ä']
  const document = (levels: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: random.below(5) }, () => [pick(names), value(levels)] as const))
  const documents = new Map<string, Buffer>()
  const add = (members: Record<string, unknown>): void => {
    const id = `d${documents.size}`
    documents.set(id, Buffer.from(BSON.serialize({ _id: id, ...members })))
  }
  for (const one of [...values, ...oddValues]) {
    add({ a: one })
    add({ a: { b: [one] } })
    add({ a: [[{ id: one }]] })
  }
  add({ id: 1 })
  for (let count = 0; count < 3_000; count++) add(document(random.below(6)))
  // Sent as bytes, because the driver would change some of them.
  await products.deleteMany({})
  const all = [...documents.values()]
  for (let at = 0; at < all.length; at += 500)
    await products.insertMany(all.slice(at, at + 500).map((bytes) => BSON.deserialize(bytes, exact)))
  const plain = await matched()
  const stored = await products.find<Uint8Array>({}, { raw: true }).toArray()
  expect(stored).toHaveLength(documents.size)
  const wrong = stored.filter((bytes) => {
    const { _id } = BSON.deserialize(bytes)
    return plain.has(String(_id)) !== (firstNotPlain(bytes) === undefined)
  })
  expect(
    wrong.map((bytes) => BSON.EJSON.stringify(BSON.deserialize(bytes, exact), { relaxed: false })),
  ).toEqual([])
  // Both kinds are numerous; otherwise the comparison would prove little.
  expect(Math.min(plain.size, stored.length - plain.size)).toBeGreaterThan(300)
})

const exact = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const

test('a document with a string or name that is not UTF-8 is not replaced by the filter', async () => {
  for (const [id, member] of [
    ['text', { a: { b: ['xQx'] } }],
    ['name', { a: [{ xQx: 1 }] }],
  ] as const) {
    const bytes = Buffer.from(BSON.serialize({ _id: id, ...member }))
    bytes[bytes.indexOf('Q')] = 0xff
    await db.admin.db('shop').command({ insert: 'orders', documents: listOf('documents', bytes) })
    expect(firstNotPlain(bytes)).toBeDefined()
    const next = BSON.serialize({ _id: id, next: 1 })
    const updates = listOf('updates', plainReplacement(id, next))
    const reply = await db.admin.db('shop').command({ update: 'orders', updates })
    expect(reply).toMatchObject({ n: 0, writeErrors: [{ index: 0 }] })
  }
})

test('a document that is too deep does not match, plain or not', async () => {
  await products.deleteMany({})
  const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) })
  const named = db.admin.db('shop').collection<{ _id: string }>('products')
  for (const levels of [6, 7, 20]) await named.insertOne({ _id: `l${levels}`, ...nested(levels) })
  expect([...(await matched())]).toEqual(['l6', 'l7'])
})

test('a document of more than 16 KiB does not match, and its content is not inspected', async () => {
  await products.deleteMany({})
  const named = db.admin.db('shop').collection<{ _id: string; text: string }>('products')
  const empty = BSON.calculateObjectSize({ _id: 'small', text: '' })
  await named.insertOne({ _id: 'small', text: 'x'.repeat(16_384 - empty) })
  await named.insertOne({ _id: 'large', text: 'x'.repeat(16_385 - empty) })
  expect([...(await matched())]).toEqual(['small'])
  // If it were inspected, a name or string that is not UTF-8 would fail the statement.
  const bytes = Buffer.from(BSON.serialize({ _id: 'odd', a: 'Q'.repeat(16_384) }))
  bytes[bytes.indexOf('Q')] = 0xff
  await db.admin.db('shop').command({ insert: 'products', documents: listOf('documents', bytes) })
  const updates = listOf('updates', plainReplacement('odd', BSON.serialize({ _id: 'odd', next: 1 })))
  const reply = await db.admin.db('shop').command({ update: 'products', updates })
  expect([reply['n'], reply['writeErrors']]).toEqual([0, undefined])
})
