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

test('a missing document is 404 with a position', async () => {
  const got = await patch('merge', 'nobody', { name: 'y' })
  expect(got.json).toMatchObject({ status: 404, type: 'https://freshet.dev/problems/not-found' })
  expect(got.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
})

test('the result of a patch must match the schema; otherwise 422, and nothing is written', async () => {
  await put('fits', { name: 'x' })
  const got = await patch('merge', 'fits', { name: null })
  expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/invalid-document' })
  expect(await storedBytes('fits')).toEqual(Buffer.from(BSON.serialize({ _id: 'fits', name: 'x' })))
})

test('a JSON patch with a failing test is 422 bad-patch with its location, and nothing is applied', async () => {
  await put('tested', { name: 'x' })
  const got = await patch('json', 'tested', [
    { op: 'replace', path: '/name', value: 'y' },
    { op: 'test', path: '/name', value: 'x' },
  ])
  expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/bad-patch' })
  expect(got.json['errors']).toEqual([expect.objectContaining({ pointer: '/1/value' })])
  expect(await storedBytes('tested')).toEqual(Buffer.from(BSON.serialize({ _id: 'tested', name: 'x' })))
})

test('a patch in an unsupported format is 415 with the supported ones', async () => {
  for (const type of ['application/json', 'text/plain']) {
    const headers = { 'content-type': type }
    const got = await writer.send('PATCH', 'products/x', { headers, body: '{}' })
    expect(got.status).toBe(415)
    expect(got.headers.get('accept-patch')).toBe('application/merge-patch+json, application/json-patch+json')
  }
})

test('concurrent patches are all applied: each is reapplied to the result of the other', async () => {
  await put('counted', { name: 'x', list: [] })
  const one = (index: number) => patch('json', 'counted', [{ op: 'add', path: '/list/-', value: index }])
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all([one(round * 2), one(round * 2 + 1)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  }
  const list: number[] = (await products.findOne({ _id: 'counted' }))?.['list']
  expect(list.toSorted((a, b) => a - b)).toEqual([...Array(20).keys()])
})

test('PUT keeps the order of names in a body, even of those that look like numbers', async () => {
  const body = '{"name":"x","2":"b","1":"a","id":"ordered"}'
  const got = await writer.send('PUT', 'products/ordered', { body })
  expect(got.text).toBe('{"id":"ordered","name":"x","2":"b","1":"a"}')
})

test.each([
  ['{"name":"x"', 400, 'malformed-body'],
  ['[]', 400, 'malformed-body'],
  ['{"name":"x","name":"y"}', 400, 'duplicate-key'],
  ['{"name":"x","n":9007199254740993}', 422, 'inexact-number'],
  ['{"name":"x","$set":1}', 422, 'forbidden-name'],
  ['{"name":"\\ud800"}', 422, 'bad-text'],
])('the body %s is %i %s', async (body, status, code) => {
  const got = await writer.send('PUT', 'products/bad', { body })
  expect(got.json).toMatchObject({ status, type: `https://freshet.dev/problems/${code}` })
})
