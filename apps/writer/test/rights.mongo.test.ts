import { afterAll, expect, test } from '@jest/globals'
import { ConfigError } from '@freshet/kit'
import { openTestDatabase } from '@freshet/testkit'
import { collections, openWriter, openWriterAtOnce } from './support/open-writer.ts'

// Open during the whole file, so it leaves the shared server to the others.
const db = await openTestDatabase({ own: true, collections, messages: true })
afterAll(() => db[Symbol.asyncDispose]())

const refusalOf = (uri: string): Promise<unknown> =>
  openWriterAtOnce(uri).then(
    async (writer) => {
      await writer[Symbol.asyncDispose]()
      return 'it started'
    },
    (error: unknown) => error,
  )

test.each([
  ['reader', 'insert'],
  ['auditor', 'insert'],
  ['delivery', 'find'],
] as const)('G4.5 G4.10 a writer does not start with the credentials of the %s', async (part, action) => {
  const refusal = await refusalOf(db.uriFor(part))
  expect(refusal).toBeInstanceOf(ConfigError)
  expect(String(refusal)).toContain(`the user freshet-${part}@shop may not ${action} in shop.numbered`)
  expect(String(refusal)).toContain('freshet-writer')
})

test('G4.5 nor with a new collection before the next migration', async () => {
  await using fresh = await openTestDatabase({ collections: collections.slice(1) })
  const refusal = await refusalOf(fresh.uriFor('writer'))
  expect(String(refusal)).toContain(`may not find in shop.${collections[0]}`)
})

test('G4.5 nor without permission to store answers, as before the migration of this version', async () => {
  await using fresh = await openTestDatabase({ collections })
  await fresh.admin.db('shop_internal').command({ updateRole: 'freshet-writer', privileges: [] })
  const refusal = await refusalOf(fresh.uriFor('writer'))
  expect(String(refusal)).toContain('may not find in shop_internal.idempotency')
})

test('G4.5 nor without permission to read the definitions of collections', async () => {
  await using fresh = await openTestDatabase({ collections })
  const shop = fresh.admin.db('shop')
  const resource = { db: 'shop', collection: '' }
  const privileges = [{ resource, actions: ['listCollections'] }]
  await shop.command({ revokePrivilegesFromRole: 'freshet-writer', privileges })
  expect(String(await refusalOf(fresh.uriFor('writer')))).toContain('may not listCollections in shop;')
})

test.each([
  [
    'a wrong password',
    () => db.uriFor('writer').replace(/:[^:@/]+@/, ':wrong@'),
    'unknown user or wrong password',
  ],
  ['no user at all', () => db.uriFor('writer').replace(/\/\/[^@]+@/, '//'), 'the address contains no user'],
])('G4.5 nor with %s', async (_, uri, says) => {
  const refusal = await refusalOf(uri())
  expect(String(refusal)).toContain(says)
  expect(String(refusal)).not.toContain('wrong@')
})

test("G4.5 a writer's user may have more privileges, and an unavailable database does not prevent startup", async () => {
  await using root = await openWriter(db.adminUri)
  expect((await root.send('PUT', 'products/x', { body: { name: 'x' } })).status).toBe(201)
  await using away = await openWriterAtOnce('mongodb://writer:x@127.0.0.1:1/?directConnection=true')
  expect((await away.send('PUT', 'products/x', { body: { name: 'x' } })).status).toBe(503)
})
