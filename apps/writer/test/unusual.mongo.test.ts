import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { BSON } from 'mongodb'
import { listOf } from '../src/store/mongodb/statements.ts'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

test('a stored string that is not UTF-8, or a document that is too deep to inspect, is read before it is replaced', async () => {
  // A string that is not UTF-8, as another program may have stored it.
  const bytes = Buffer.from(BSON.serialize({ _id: 'no-text', name: 'xQx' }))
  bytes[bytes.indexOf('Q')] = 0xff
  await db.admin.db('shop').command({ insert: 'products', documents: listOf('documents', bytes) })
  expect((await writer.send('PUT', 'products/no-text', { body: { name: 'y' } })).json).toMatchObject({
    status: 409,
    errors: [{ pointer: '/name' }],
  })
  // Deeper than the server-side filter inspects.
  const deep = { name: 'x', a: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } }
  for (const status of [201, 200])
    expect((await writer.send('PUT', 'products/deep', { body: deep })).status).toBe(status)
})
