import { afterAll, expect, test } from '@jest/globals'
import { isValidId } from '@freshet/protocol'
import { openTestDatabase } from '@freshet/testkit'
import { BSONSymbol, Decimal128, Double, type Collection, type Document } from 'mongodb'
import { collections, openWriter } from './support/open-writer.ts'

interface Foreign extends Document {
  readonly _id: string | number | Double | Decimal128 | BSONSymbol
}

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const merge = { 'content-type': 'application/merge-patch+json' }
const collection = (name: string): Collection<Foreign> => db.admin.db('shop').collection<Foreign>(name)

test.each<[string, 'numbered' | 'products', Foreign['_id'], string, string | number]>([
  ['a decimal', 'numbered', Decimal128.fromString('43.0'), '43', 43],
  ['a negative zero', 'numbered', new Double(-0), '0', 0],
  ['a symbol', 'products', new BSONSymbol('sym'), 'sym', 'sym'],
])('a document whose _id is %s is found by its id for every write', async (_type, name, _id, id, plain) => {
  const path = `${name}/${id}`
  await collection(name).insertOne({ _id, name: 'x' })
  const again = await writer.send('POST', name, { body: { id: plain, name: 'y' } })
  expect([again.status, again.json['type']]).toEqual([409, 'https://freshet.dev/problems/already-exists'])
  const patched = await writer.send('PATCH', path, { body: { name: 'y' }, headers: merge })
  expect([patched.status, patched.json]).toEqual([200, { id, name: 'y' }])
  const put = await writer.send('PUT', path, { body: { name: 'z' } })
  expect([put.status, put.json]).toEqual([200, { id, name: 'z' }])
  expect(await collection(name).findOne({ _id: plain })).toEqual({ _id: plain, name: 'z' })
  expect((await writer.send('DELETE', path)).status).toBe(204)
  expect(await collection(name).countDocuments()).toBe(0)
})

test.each(['042', '+1', '-0', '1.0', '1e3', '9007199254740992'])(
  'another spelling of an id is 400 with the canonical form: %s',
  async (id) => {
    expect(isValidId('integer', id)).toBe(false)
    const got = await writer.send('PUT', `numbered/${encodeURIComponent(id)}`, { body: { name: 'x' } })
    expect([got.status, got.json['detail']]).toEqual([
      400,
      id === '+1' ? expect.any(String) : expect.stringContaining('without leading zeros'),
    ])
  },
)
