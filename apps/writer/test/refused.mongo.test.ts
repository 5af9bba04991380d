import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { BSON, Timestamp, type CreateCollectionOptions, type Document } from 'mongodb'
import { listOf } from '../src/store/mongodb/statements.ts'
import { bearer, collections, openWriter, type Got } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const shop = db.admin.db('shop')
const products = shop.collection<{ _id: string } & Document>('products')
const merge = { 'content-type': 'application/merge-patch+json' }
const star = { 'if-match': '*' }
const lenient = { prefer: 'handling=lenient' }

/** Every way to write a document; `id` already exists. */
function everyWay(id: string, body: Document): Promise<readonly Got[]> {
  const path = `products/${id}`
  return Promise.all([
    writer.send('POST', 'products', { body }),
    writer.send('PUT', `products/${id}-new`, { body }),
    writer.send('PUT', path, { body }),
    writer.send('PUT', path, { headers: lenient, body }),
    writer.send('PUT', path, { headers: star, body }),
    writer.send('PUT', `products/${id}-new`, { headers: { 'if-none-match': '*' }, body }),
    writer.send('PATCH', path, { headers: merge, body }),
  ])
}

test.each([
  ['invalid GeoJSON', { place: '2dsphere' }, { place: { type: 'Point', coordinates: [999, 999] } }],
  ['a point out of bounds', { spot: '2d' }, { spot: [999, 999] }],
  ['an invalid point', { spot: '2d' }, { spot: [1, 'private'] }],
  ['a point of the wrong types', { spot: '2d' }, { spot: ['private', 1] }],
  ['half a point', { spot: '2d' }, { spot: [1] }],
  ['an array beside a string', { words: 'text', tag: 1 }, { words: 'private', tag: ['private'] }],
  ['a numeric name inside an array', { 'list.0': 1 }, { list: [{ 0: 'private' }] }],
  ['two arrays in one index', { left: 1, right: 1 }, { left: [1], right: ['private'] }],
  ['an unknown language', { words: 'text' }, { words: 'private', language: 'private' }],
  ['a language that is not a string', { words: 'text' }, { words: 'private', language: 5 }],
  ['an array in a hashed index', { hash: 'hashed' }, { hash: ['private'] }],
] as const)("%s is 422 invalid-document, without the database's message", async (what, index, fields) => {
  const name = await products.createIndex(index)
  const id = what.replaceAll(' ', '-')
  await products.insertOne({ _id: id, name: 'x' })
  for (const got of await everyWay(id, { name: 'x', ...fields }))
    expect(got.json).toEqual({
      type: 'https://freshet.dev/problems/invalid-document',
      title: expect.any(String),
      status: 422,
      detail: 'A validation rule or an index of the database rejects this document.',
      retryable: false,
    })
  await products.dropIndex(name)
})

test('a document that a validator rejects is 422 invalid-document', async () => {
  await products.insertOne({ _id: 'validated', name: 'x' })
  const validator = { $jsonSchema: { properties: { secret: { bsonType: 'int' } } } }
  await shop.command({ collMod: 'products', validator })
  for (const got of await everyWay('validated', { name: 'x', secret: 'private' })) {
    expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/invalid-document' })
    expect(got.text).not.toMatch(/private|secret|jsonSchema/)
  }
  await shop.command({ collMod: 'products', validator: {} })
})

test.each([
  ['a name that begins with $', { $price: 5 }, '/$price'],
  ['a reference at the top level', { $ref: 'a', $id: 'b' }, '/$ref'],
  ['a timestamp that the server fills in', { at: new Timestamp({ t: 0, i: 0 }) }, '/at'],
])('a PATCH that leaves %s is 409 with its location and a position', async (what, fields, pointer) => {
  const _id = what.replaceAll(/[ $]/g, '-')
  const bytes = BSON.serialize({ _id, name: 'x', ...fields })
  await shop.command({ insert: 'products', documents: listOf('documents', bytes) })
  // An insert accepts the names and sets the timestamp; an update stores zero, as another program might.
  if ('at' in fields) await products.updateOne({ _id }, [{ $set: { at: { $literal: fields.at } } }])
  const raw = (): Promise<unknown> => products.findOne({ _id }, { raw: true })
  const before = await raw()
  expect(Buffer.from(before as Uint8Array)).toEqual(Buffer.from(bytes))
  for (const headers of [merge, { ...merge, ...lenient }]) {
    const got = await writer.send('PATCH', `products/${_id}`, { headers, body: { name: 'y' } })
    expect(got.json).toMatchObject({
      status: 409,
      type: 'https://freshet.dev/problems/not-plain-json',
      errors: [{ pointer }],
    })
    expect(got.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  }
  expect(await raw()).toEqual(before)
})

const kinds: Readonly<Record<string, CreateCollectionOptions>> = {
  view: { viewOn: 'orders', pipeline: [] },
  'time series': { timeseries: { timeField: 'at' } },
  'time series with an own field': { timeseries: { timeField: 'at', metaField: 'source' } },
}

test.each(Object.entries(kinds))(
  'W8 writes to a %s are 503 collection-not-exact, now and later',
  async (kind, options) => {
    await shop.dropCollection('products')
    const named = await shop.createCollection<{ _id: string } & Document>('products', options)
    const under = kind === 'view' ? shop.collection<{ _id: string } & Document>('orders') : named
    await under.insertOne({ _id: 'there', name: 'x', at: new Date() })
    const body = { name: 'y' }
    const answers = [
      await writer.send('POST', 'products', { body }),
      await writer.send('POST', 'products', { body: { ...body, at: 'soon' } }),
      await writer.send('PUT', 'products/new', { body }),
      await writer.send('PUT', 'products/there', { body }),
      await writer.send('PUT', 'products/there', { headers: lenient, body }),
      await writer.send('PUT', 'products/new', { headers: { 'if-none-match': '*' }, body }),
      await writer.send('PUT', 'products/new', { headers: { 'if-none-match': '"another"' }, body }),
      await writer.send('PATCH', 'products/there', { headers: merge, body }),
      await writer.send('PATCH', 'products/never', { headers: merge, body }),
      await writer.send('PATCH', 'products/never', { headers: { ...merge, ...star }, body }),
      await writer.send('DELETE', 'products/there'),
      await writer.send('DELETE', 'products/there', { headers: star }),
      await writer.send('DELETE', 'products/never'),
    ]
    for (const got of answers)
      expect(got.json).toMatchObject({
        status: 503,
        type: 'https://freshet.dev/problems/collection-not-exact',
        retryable: false,
      })
    expect(await under.countDocuments()).toBe(1)
    await shop.dropCollection('products')
    await shop.dropCollection('orders')
    await shop.createCollection('products')
  },
)

const inexact: Readonly<Record<string, CreateCollectionOptions>> = {
  ...kinds,
  'capped collection': { capped: true, size: 100_000 },
  'collection with a collation': { collation: { locale: 'en', strength: 2 } },
}

test.each(Object.entries(inexact))(
  'W8 nothing is written to a %s that exists before the first write, and a fixed collection is written at once',
  async (_kind, options) => {
    await shop.dropCollection('products')
    await shop.createCollection('products', options)
    await using fresh = await openWriter(db.uriFor('writer'))
    const body = { name: 'y' }
    for (const got of [
      await fresh.send('POST', 'products', { body }),
      await fresh.send('PUT', 'products/new', { body }),
      await fresh.send('PUT', 'products/new', { headers: { 'if-none-match': '*' }, body }),
      await fresh.send('PATCH', 'products/never', { headers: merge, body }),
      await fresh.send('DELETE', 'products/never'),
      await fresh.send('DELETE', 'products/never', { headers: star }),
      await fresh.send('POST', 'products', {
        headers: { authorization: await bearer(), 'idempotency-key': '"k"' },
        body,
      }),
    ])
      expect(got.json).toMatchObject({
        status: 503,
        type: 'https://freshet.dev/problems/collection-not-exact',
        retryable: false,
      })
    expect(await shop.collection('products').countDocuments()).toBe(0)
    await shop.dropCollection('products')
    await shop.createCollection('products')
    expect((await fresh.send('POST', 'products', { body })).status).toBe(201)
    await shop.dropCollection('orders').catch(() => undefined)
  },
)

test('W8 a capped collection is detected by what would be a 500, and then rejects everything', async () => {
  expect((await writer.send('POST', 'products', { body: { name: 'x' } })).status).toBe(201)
  await shop.dropCollection('products')
  await shop.createCollection('products', { capped: true, size: 100_000 })
  const body = { name: 'y' }
  for (const got of [
    await writer.send('PUT', 'products/there', { headers: { 'if-match': '"another"' }, body }),
    await writer.send('PATCH', 'products/there', { headers: merge, body }),
    await writer.send('DELETE', 'products/there', { headers: star }),
    await writer.send('POST', 'products', { body }),
  ])
    expect(got.json).toMatchObject({
      status: 503,
      type: 'https://freshet.dev/problems/collection-not-exact',
    })
  expect(await products.countDocuments()).toBe(0)
  await shop.dropCollection('products')
  await shop.createCollection('products')
})

test('W8 an error in a plain collection is not attributed to its kind', async () => {
  const data = { failCommands: ['insert'], appName: 'freshet-writer' }
  for (const errorCode of [2, 20]) {
    await using _ = await db.failPoint('failCommand', { times: 1 }, { ...data, errorCode })
    const got = await writer.send('POST', 'products', { body: { name: 'x' } })
    expect(got.json).toMatchObject({ status: 500, retryable: false })
  }
  await using _ = await db.failPoint(
    'failCommand',
    { times: 16 },
    {
      failCommands: ['find'],
      appName: 'freshet-writer',
      errorCode: 246,
      errorLabels: ['TransientTransactionError'],
    },
  )
  const got = await writer.send('PATCH', 'products/p', { headers: merge, body: { name: 'x' } })
  expect(got.json).toMatchObject({ status: 409, type: 'https://freshet.dev/problems/busy', retryable: true })
})

test('in a collection whose collation compares ids, no other document is ever changed', async () => {
  await shop.dropCollection('products')
  const collated = { collation: { locale: 'en', strength: 2 } }
  const named = await shop.createCollection<{ _id: string; name: string }>('products', collated)
  await named.insertOne({ _id: 'abc', name: 'x' })
  const send = (method: string, headers: Record<string, string>, path = 'products/ABC') =>
    writer.send(method, path, { headers, ...(method !== 'DELETE' && { body: { id: 'ABC', name: 'y' } }) })
  for (const got of [
    await send('POST', {}, 'products'),
    await send('PUT', {}),
    await send('PUT', lenient),
    await send('PUT', { 'if-none-match': '*' }),
    await send('PUT', { 'if-none-match': '"another"' }),
    await send('DELETE', {}),
    await send('PATCH', merge),
    await send('PUT', star),
    await send('DELETE', star),
  ])
    expect(got.json).toMatchObject({
      status: 503,
      type: 'https://freshet.dev/problems/collection-not-exact',
      retryable: false,
    })
  expect(await named.find().toArray()).toEqual([{ _id: 'abc', name: 'x' }])
  await shop.dropCollection('products')
  await shop.createCollection('products')
})

test('an unexplained error is not reported as retryable', async () => {
  const data = { failCommands: ['insert'], appName: 'freshet-writer', errorCode: 13 }
  await using _ = await db.failPoint('failCommand', { times: 1 }, data)
  const got = await writer.send('POST', 'products', { body: { name: 'x' } })
  expect(got.json).toMatchObject({ status: 500, retryable: false, instance: expect.any(String) })
})

test("a document that is too large for a reader's answer is 413, and is not stored", async () => {
  // A control character is one byte in BSON and six in JSON: 16 strings of a megabyte would be 96.
  const whole = '\u0001'.repeat(150_000)
  await writer.send('PUT', 'products/long', { body: { name: 'x', a: whole } })
  const copies = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => ({ op: 'copy', from: '/a', path: `/b${from + at}` }))
  const json = { 'content-type': 'application/json-patch+json' }
  const patch = (body: unknown) => writer.send('PATCH', 'products/long', { headers: json, body })
  const fits = await patch(copies(0, 17))
  expect(fits.status).toBe(200)
  expect(fits.text.length).toBeLessThanOrEqual(16 * 2 ** 20)
  const got = await patch(copies(17, 18))
  expect(got.json).toMatchObject({
    status: 413,
    type: 'https://freshet.dev/problems/payload-too-large',
    detail: expect.stringContaining('As JSON'),
  })
  expect(
    (
      await writer.send('DELETE', 'products/long', {
        headers: { 'if-match': String(fits.headers.get('etag')) },
      })
    ).status,
  ).toBe(204)
})
