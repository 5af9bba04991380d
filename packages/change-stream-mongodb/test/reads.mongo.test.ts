import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ReadConnection } from '@freshet/guard'
import { highOf, lowOf, positionOf, type Id, type IdType, type Position } from '@freshet/protocol'
import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { calculateObjectSize, deserialize, Long, ObjectId, UUID } from 'bson'
import type { Db } from 'mongodb'
import type { SourceReply } from '@freshet/change-stream'
import * as faulty from './support/faulty-connection.ts'
import { openSource, type OpenedSource } from './support/open-source.ts'

interface Stored {
  readonly _id: string | number | Long | ObjectId | UUID
  readonly text?: string
}

const collections = new Map<string, IdType>([
  ['products', 'string'],
  ['numbers', 'integer'],
  ['objects', 'objectid'],
  ['uuids', 'uuid'],
  ['view', 'string'],
  ['capped', 'string'],
  ['german', 'string'],
  ['series', 'string'],
  ['missing', 'string'],
])
const { signal } = new AbortController()
let db: TestDatabase
let app: Db
let opened: OpenedSource

beforeAll(async () => {
  db = await openTestDatabase()
  app = db.admin.db('shop')
  opened = await openSource(db, { collections })
})
afterAll(async () => {
  await opened[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

function idsIn(answer: SourceReply): readonly Id[] {
  if (answer.kind !== 'exact') throw new Error('expected an exact answer')
  return [...answer.documents.keys()].toSorted()
}

test('F7 documents that do not fit into one reply are all returned', async () => {
  const text = 'x'.repeat(2_000_000)
  const ids = Array.from({ length: 20 }, (_, n) => `big${n}`)
  await app.collection<Stored>('products').insertMany(ids.map((_id) => ({ _id, text })))
  const answer = await opened.reads.read(await opened.reads.head(signal), 'products', ids, signal)
  expect(idsIn(answer)).toEqual(ids.toSorted())
})

test.each<[string, readonly Stored['_id'][], readonly Id[]]>([
  ['numbers', [5, Long.fromNumber(2 ** 40), -3.0], ['5', '1099511627776', '-3']],
  ['objects', [ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718')], ['64b5f0c2a1b2c3d4e5f60718']],
  ['uuids', [new UUID('01890a5d-ac96-774b-bcce-b302099a8057')], ['01890a5d-ac96-774b-bcce-b302099a8057']],
])('F7 ids of type %s are found by their text form', async (collection, stored, ids) => {
  await app.collection<Stored>(collection).insertMany(stored.map((_id) => ({ _id })))
  const answer = await opened.reads.read(await opened.reads.head(signal), collection, ids, signal)
  expect(idsIn(answer)).toEqual(ids.toSorted())
})

test('F7 an invalid id is absent and does not affect other ids of the same read', async () => {
  await app.collection<Stored>('numbers').insertOne({ _id: 77 })
  const at = await opened.reads.head(signal)
  expect(idsIn(await opened.reads.read(at, 'numbers', ['abc', '5.5', '77', '077'], signal))).toEqual(['77'])
  expect(idsIn(await opened.reads.read(at, 'objects', ['zzz'], signal))).toEqual([])
  expect(
    idsIn(await opened.reads.read(at, 'uuids', ['x', '01890A5D-AC96-774B-BCCE-B302099A8057'], signal)),
  ).toEqual([])
})

const tickAfter = (at: Position, ticks: number): Position => positionOf(highOf(at), lowOf(at) + ticks)

test('F16 a position that is too new or too old is reported as unavailable', async () => {
  await app.collection<Stored>('products').insertOne({ _id: 'here' })
  const now = await opened.reads.head(signal)
  const ahead = opened.reads.read(tickAfter(now, 1_000), 'products', ['here'], signal)
  await expect(ahead).rejects.toMatchObject({ code: 'POSITION_UNAVAILABLE' })
  const old = opened.reads.read(positionOf(highOf(now) - 10_000, 1), 'products', ['here'], signal)
  await expect(old).rejects.toMatchObject({ code: 'POSITION_UNAVAILABLE' })
})

/** Reads a document at a position before its collection was dropped. */
async function afterADrop(wrap: (connection: ReadConnection) => ReadConnection): Promise<SourceReply> {
  await using other = await openSource(db, { collections, wrap })
  const doomed = app.collection<Stored>('missing')
  await doomed.insertOne({ _id: 'there' })
  const then = await other.reads.head(signal)
  await doomed.drop()
  return await other.reads.read(then, 'missing', ['there'], signal).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'POSITION_UNAVAILABLE')
      return { kind: 'fenced', documents: new Map(), until: then }
    throw error
  })
}

test('F16 a dropped collection proves nothing about its former contents', async () => {
  expect(await afterADrop((connection) => connection)).toMatchObject({ kind: 'fenced' })
})

test('F16 the same test detects reads that treat a missing collection as absence', async () => {
  const answer = await afterADrop(faulty.takesSilenceAsAbsence)
  expect(answer.kind === 'exact' && answer.documents.size).toBe(0)
})

test('F7 the documents are the bytes in the database', async () => {
  await app.collection<Stored>('products').insertOne({ _id: 'bytes', text: 'é' })
  const answer = await opened.reads.read(await opened.reads.head(signal), 'products', ['bytes'], signal)
  if (answer.kind !== 'exact') throw new Error('expected an exact answer')
  expect(deserialize(answer.documents.get('bytes') ?? Buffer.alloc(0))).toEqual({ _id: 'bytes', text: 'é' })
})

test('F17 collections that cannot be followed exactly are reported with the reason', async () => {
  await app.createCollection('view', { viewOn: 'products', pipeline: [] })
  await app.createCollection('capped', { capped: true, size: 10_000 })
  await app.createCollection('german', { collation: { locale: 'de' } })
  await app.createCollection('series', { timeseries: { timeField: 'at' } })
  const reasons = await opened.reads.check([...collections.keys()], signal)
  expect(Object.fromEntries([...reasons].filter(([, reason]) => reason !== undefined))).toEqual({
    view: 'expected a plain collection, got a view',
    capped: 'expected a plain collection, got a capped one',
    german: "expected the simple collation, got 'de'",
    series: 'expected a plain collection, got a timeseries',
  })
})

test('F18 a user without read access gets an error that says so', async () => {
  await using denied = await openSource(db, { collections })
  await app.command({ revokeRolesFromUser: 'freshet-reader', roles: ['freshet-reader'] })
  try {
    await expect(denied.reads.head(signal)).rejects.toMatchObject({ code: 'DENIED', retry: false })
    await expect(denied.source.start(signal)).rejects.toMatchObject({ code: 'DENIED' })
  } finally {
    await app.command({ grantRolesToUser: 'freshet-reader', roles: ['freshet-reader'] })
  }
})

test('F9 a database without a control document is not a source', async () => {
  const control = app.collection<Stored>('freshet')
  const document = await control.findOneAndDelete({ _id: 'source' })
  await expect(opened.source.start(signal)).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
  if (document) await control.insertOne(document)
  await expect(opened.source.start(signal)).resolves.toMatchObject({ source: expect.any(String) })
})

test('F25 documents above the limit of a read are not sent, and their sizes are reported', async () => {
  const texts = { small: 1, just: 1_000, above: 1_001, large: 5_000_000 }
  const documents = Object.entries(texts).map(([_id, length]) => ({ _id, text: 'x'.repeat(length) }))
  await app.collection<Stored>('products').insertMany(documents)
  const [, just, , large] = documents.map((document) => calculateObjectSize(document))
  let bytes = 0
  const count = (reply: Awaited<ReturnType<ReadConnection['run']>>): typeof reply => {
    for (const document of reply['cursor']?.firstBatch ?? []) bytes += document.length ?? 0
    return reply
  }
  await using other = await openSource(db, {
    collections,
    wrap: (connection) => new faulty.FaultyConnection(connection, { reply: count }),
  })
  const at = await other.reads.head(signal)
  const ids = [...Object.keys(texts), 'none', 'no id: /']
  const answer = await other.reads.read(at, 'products', ids, signal, just)
  expect(idsIn(answer)).toEqual(['just', 'small'])
  const sizes = await other.reads.read(at, 'products', ids, signal, 0)
  expect(idsIn(sizes)).toEqual([])
  const wanted = documents.map((document) => [document._id, calculateObjectSize(document)] as const)
  expect(sizes).toMatchObject({ sizes: new Map(wanted) })
  expect(bytes).toBeLessThan(2_000)
  // Oversized documents are part of the same snapshot.
  expect(idsIn(await other.reads.read(at, 'products', ['large', 'above'], signal, large))).toEqual([
    'above',
    'large',
  ])
})
