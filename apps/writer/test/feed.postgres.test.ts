import { afterAll, expect, test } from '@jest/globals'
import { postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { migratePostgres, withCredentials } from '@freshet/migration-postgres'
import { formatLineage, type Change, type Lineage } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { httpCollections, openHttpPostgres } from './support/http-postgres.ts'
import { bearer, openWriter } from './support/open-writer.ts'

const db = await openHttpPostgres()
const writer = await openWriter(db.uri)
const passwords = { 'freshet-reader': 'a password of tests' }
await migratePostgres({ uri: db.server.uri(), database: 'shop', collections: httpCollections, passwords })
const reader = postgresSource({
  uri: withCredentials(db.server.uri(), {
    user: 'freshet_reader_shop',
    password: passwords['freshet-reader'],
    database: 'shop',
  }),
  appName: 'test',
  publication: 'freshet',
  collections: httpCollections,
  clock: systemClock,
})
const ending = new AbortController()
const seen: { readonly change: Change; readonly through: string }[] = []
const origin = await reader.source.start(ending.signal)
const following = (async () => {
  for await (const { changes, through } of reader.source.read(origin, ending.signal))
    for (const change of changes)
      // Bytes are only valid until the next batch.
      seen.push({
        change: 'document' in change ? { ...change, document: Buffer.from(change.document) } : change,
        through,
      })
})()
afterAll(async () => {
  ending.abort()
  await following
  await reader.close()
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const lineage: Lineage = [{ handler: 'stock/recount', heard: 'orders/42', writes: ['products'] }]

test('W9 the feed has each write at or before the position of its answer, as the bytes of the answer, with its cause', async () => {
  const caused = {
    authorization: await bearer('stock'),
    'freshet-hops': '1',
    'freshet-cause': formatLineage(lineage),
  }
  const merge = { 'content-type': 'application/merge-patch+json' }
  const plain = await writer.send('POST', 'products', { body: { name: 'A', id: 'a', n: [1.5, { ä: '\n' }] } })
  const why = await writer.send('PUT', 'products/a', { headers: caused, body: { name: 'B' } })
  const patched = await writer.send('PATCH', 'products/a', { headers: merge, body: { m: null, q: 1 } })
  const same = await writer.send('PUT', 'products/a', { body: patched.json })
  const number = await writer.send('PUT', 'numbered/7', { body: { name: 'seven' } })
  const gone = await writer.send('DELETE', 'products/a')
  await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(5))
  expect([same.status, gone.status]).toEqual([200, 204])
  const upsert = ({ text, headers }: typeof plain, more: object = {}) => ({
    change: { kind: 'upsert', document: Buffer.from(text), ...more },
    position: String(headers.get('freshet-position')).slice(9),
  })
  const expected = [
    upsert(plain),
    upsert(why, { cause: lineage }),
    upsert(patched),
    upsert(number),
    { change: { kind: 'delete', id: 'a' }, position: String(gone.headers.get('freshet-position')).slice(9) },
  ]
  // What changes nothing is no change.
  expect(seen).toHaveLength(expected.length)
  for (const [index, { change, position }] of expected.entries()) {
    expect(seen[index]?.change).toMatchObject(change)
    expect(String(seen[index]?.through) <= position).toBe(true)
  }
  expect(seen.map(({ change }) => 'cause' in change)).toEqual([false, true, false, false, false])
  expect(plain.headers.get('freshet-position')?.slice(0, 8)).toBe(origin.source)
})

test('W9 a document that is read is the document of the feed', async () => {
  const { text } = await writer.send('PUT', 'products/read', { body: { name: 'x', '1': 2, list: [] } })
  const { at } = origin
  const reply = await reader.reads.read(at, 'products', ['read'], ending.signal)
  expect(reply.kind === 'fenced' && Buffer.from(reply.documents.get('read') ?? []).toString()).toBe(text)
})
