import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { BSON } from 'mongodb'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

test('a document is stored as the BSON that a driver would write, with its id first', async () => {
  await writer.send('POST', 'products', { body: { price: 3, name: 'Lamp', id: 'lamp' } })
  await writer.send('PUT', 'numbered/42', { body: { name: 'x' } })
  for (const [collection, document] of [
    ['products', { _id: 'lamp', price: 3, name: 'Lamp' }],
    ['numbered', { _id: 42, name: 'x' }],
  ] as const) {
    const stored = db.admin.db('shop').collection<{ _id: string | number }>(collection)
    const bytes = await stored.findOne<Uint8Array>({ _id: document._id }, { raw: true })
    expect(Buffer.from(bytes ?? [])).toEqual(Buffer.from(BSON.serialize(document)))
  }
})
