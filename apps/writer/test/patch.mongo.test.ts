import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { Binary, BSON, Decimal128, Double, Long, ObjectId, type Document } from 'mongodb'
import { collections, openWriter, type Got } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

/** May contain anything: patches must preserve it. */
interface Product extends Document {
  readonly _id: string
}

const products = db.admin.db('shop').collection<Product>('products')

const rich = {
  name: 'x',
  price: new Double(5),
  exact: Decimal128.fromString('1.10'),
  at: new Date(0),
  ref: new ObjectId('0123456789abcdef01234567'),
  bytes: new Binary(Buffer.from([1, 2, 3])),
  long: Long.fromString('9007199254740993'),
  nested: { '2': 'b', '1': 'a', list: [1, new Double(2)] },
}

async function storedBytes(id: string): Promise<Buffer> {
  return Buffer.from((await products.findOne<Uint8Array>({ _id: id }, { raw: true })) ?? [])
}

function patch(format: 'merge' | 'json', id: string, body: unknown, headers = {}): Promise<Got> {
  const type = { 'content-type': `application/${format}-patch+json` }
  return writer.send('PATCH', `products/${id}`, { headers: { ...type, ...headers }, body })
}

const put = async (id: string, document: Document): Promise<void> => {
  await products.replaceOne({ _id: id }, document, { upsert: true })
}

test.each([
  ['merge', { name: 'y' }],
  ['json', [{ op: 'replace', path: '/name', value: 'y' }]],
] as const)(
  'a %s patch changes what it names, and all other values keep their bytes',
  async (format, body) => {
    await put(format, rich)
    const got = await patch(format, format, body)
    expect(got.status).toBe(200)
    expect(got.json).toMatchObject({ id: format, name: 'y', exact: '1.10' })
    expect(await storedBytes(format)).toEqual(
      Buffer.from(BSON.serialize({ _id: format, ...rich, name: 'y' })),
    )
  },
)

test('a patch of the inside of a value that JSON cannot represent is 409 with its location', async () => {
  await put('inside', rich)
  const before = await storedBytes('inside')
  const got = await patch('merge', 'inside', { at: { year: 1 } })
  expect(got.json).toMatchObject({
    status: 409,
    type: 'https://freshet.dev/problems/not-plain-json',
    errors: [{ pointer: '/at' }],
  })
  expect(got.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  expect(await storedBytes('inside')).toEqual(before)
})
