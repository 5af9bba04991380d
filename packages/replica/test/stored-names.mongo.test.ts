import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { storedNameFault } from '@freshet/mongodb-rules'
import { placesOf, type CollectionPlace } from '@freshet/protocol'
import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import type { Collection } from 'mongodb'
import type { Notification, Replica } from '../src/contract.ts'
import type { Parsed } from './support/mongo/parsed.ts'
import { openReplica } from './support/mongo/open-replica.ts'

interface Stored {
  readonly _id: string
  readonly n: number
}

const { signal } = new AbortController()
const collections: Readonly<Record<string, CollectionPlace>> = {
  products: 'string',
  profiles: { idType: 'string', stored: 'userProfiles' },
  files: { idType: 'string', stored: 'fs.files' },
}
let db: TestDatabase
let replica: Replica<Parsed>
const stored = (name: string): Collection<Stored> => db.admin.db(db.database).collection<Stored>(name)

beforeAll(async () => {
  db = await openTestDatabase({ collections: ['products', 'userProfiles', 'fs.files'] })
  replica = await openReplica(db, { collections })
})
afterAll(async () => {
  await replica.close()
  await db[Symbol.asyncDispose]()
})

async function shown(name: string, id: string): Promise<unknown> {
  const [value] = (await replica.get(name, id, { atLeast: 'now' })).values
  return value === ABSENT ? 'absent' : value?.document['n']
}

test.each([
  ['profiles', 'userProfiles'],
  ['files', 'fs.files'],
])('R20 %s is read, followed and reported under its own name, and stored as %s', async (name, in_) => {
  const notifications = replica.changes({ signal })[Symbol.asyncIterator]()
  expect(await shown(name, 'a')).toBe('absent')
  const next: Promise<IteratorResult<Notification<unknown>>> = notifications.next()
  await stored(in_).insertOne({ _id: 'a', n: 1 })
  expect(await shown(name, 'a')).toBe(1)
  expect((await next).value).toMatchObject({
    kind: 'changes',
    changes: [{ kind: 'upsert', collection: name, id: 'a', document: { document: { _id: 'a', n: 1 } } }],
  })
  await stored(in_).updateOne({ _id: 'a' }, { $set: { n: 2 } })
  expect(await shown(name, 'a')).toBe(2)
  await stored(in_).rename('elsewhere')
  expect(await shown(name, 'a')).toBe('absent')
  await stored('elsewhere').rename(in_)
  expect(await shown(name, 'a')).toBe(2)
  await stored(in_).drop()
  expect(await shown(name, 'a')).toBe('absent')
  // A stored collection with the URL name of the other belongs to no declaration.
  await stored(name).insertOne({ _id: 'a', n: 7 })
  expect(await shown(name, 'a')).toBe('absent')
  await expect(replica.get(in_, 'a')).rejects.toMatchObject({ code: 'UNKNOWN_COLLECTION' })
  await notifications.return?.()
})

test('R20 problems of a collection are reported under its declared name', async () => {
  const app = db.admin.db(db.database)
  await app.createCollection('Capped', { capped: true, size: 10_000 })
  await using other = await openReplica(db, {
    collections: { ...collections, capped: { idType: 'string', stored: 'Capped' } },
  })
  await expect(other.get('capped', 'a')).rejects.toMatchObject({ code: 'COLLECTION_NOT_EXACT' })
  expect(Object.keys(other.status().refusedCollections)).toEqual(['capped'])
})

test.each<[Readonly<Record<string, CollectionPlace>>, string]>([
  [{ a: 'string', b: { idType: 'string', stored: 'a' } }, "each collection once, got 'a' for 'a' and 'b'"],
  [{ a: { idType: 'string', stored: 'freshet' } }, "a collection that is not Freshet's own"],
  [{ freshet_causes: 'string' }, "a collection that is not Freshet's own"],
  [{ a: { idType: 'string', stored: 'system.users' } }, "a collection that is not MongoDB's own"],
  [{ a: { idType: 'string', stored: '$cmd' } }, "a name without '$' or NUL"],
  [{ a: { idType: 'string', stored: '' } }, "a name without '$' or NUL"],
  [{ a: { idType: 'string', stored: 'a..b' } }, 'with single dots only'],
  [{ a: { idType: 'string', stored: 'x'.repeat(191) } }, 'at most 190 bytes'],
])('R20 %j cannot be followed', (declared, why) => {
  expect(() => placesOf(new Map(Object.entries(declared)), storedNameFault)).toThrow(why)
})
