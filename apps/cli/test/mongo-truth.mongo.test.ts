import { afterAll, expect, test } from '@jest/globals'
import { loadCollections } from '@freshet/documents'
import { openReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { positionOf } from '@freshet/protocol'
import type { Position } from '@freshet/protocol'
import { renameTimeline } from '@freshet/migration'
import { openTestDatabase, silentLog } from '@freshet/testkit'
import { join } from 'node:path'
import { MongoTruth } from '../src/audit/mongo-truth.ts'

const db = await openTestDatabase()
const connection = await openReadConnection({
  uri: db.uriFor('auditor'),
  database: db.database,
  appName: 'test',
  log: silentLog,
})
afterAll(async () => {
  await connection.close()
  await db[Symbol.asyncDispose]()
})
const truth = new MongoTruth(
  connection,
  await loadCollections(join(import.meta.dirname, '../../../collections')),
  systemClock,
)
const products = db.admin.db(db.database).collection<{ _id: string; n?: number }>('products', {
  writeConcern: { w: 'majority' },
})

const giants = db.admin.db(db.database).collection<{ _id: string; numbers: number[] }>('products')

/** Puts a document and resolves with the position of that write. */
async function put(id: string, n: number): Promise<Position> {
  const { operationTime } = await db.admin.db(db.database).command({
    update: 'products',
    updates: [{ q: { _id: id }, u: { n }, upsert: true }],
    writeConcern: { w: 'majority' },
  })
  return positionOf(operationTime.high >>> 0, operationTime.low >>> 0)
}

const textsAt = async (position: Position, ids: readonly string[]) => {
  const known = await truth.at(position, 'products', ids)
  if (known.kind === 'unknown') return known.reason
  return Object.fromEntries([...known.documents].map(([id, json]) => [id, json.toString()]))
}

test('the past is read as the JSON of a reader, each position its own', async () => {
  const first = await put('a', 1)
  const second = await put('a', 2)
  const third = await put('b', 3)
  expect(await textsAt(first, ['a', 'b'])).toEqual({ a: '{"id":"a","n":1}' })
  expect(await textsAt(second, ['a', 'b'])).toEqual({ a: '{"id":"a","n":2}' })
  expect(await textsAt(third, ['a', 'b', 'c'])).toEqual({ a: '{"id":"a","n":2}', b: '{"id":"b","n":3}' })
})

test('ids that are there are found; documents with other ids are left out', async () => {
  await put('a', 1)
  await db.admin.db(db.database).collection('products').insertOne({ n: 1 })
  expect(await truth.someIds('products', 100)).toEqual(expect.arrayContaining(['a']))
  expect((await truth.someIds('products', 100)).every((id) => id.length < 5)).toBe(true)
})

test('a position before the kept history, and a dropped collection, are unknown and not absent', async () => {
  expect(await textsAt(positionOf(1, 1), ['a'])).toMatch(/cannot read that position: Snapshot/)
  const before = await put('a', 1)
  await products.drop()
  expect(await textsAt(before, ['a'])).toMatch(/lost the past|cannot read/)
})

test('the source is the hash of the timeline', async () => {
  const { source, server, position } = await truth.now()
  expect(source).toMatch(/^[0-9a-f]{8}$/)
  expect(server).toMatch(/^[0-9a-f]{24}$/)
  expect(await truth.sourceAt(position)).toEqual({ kind: 'known', source })
})

test('after a new timeline the past still has the old name, and the present the new one', async () => {
  const before = await truth.now()
  await renameTimeline(db.adminUri, db.database)
  const after = await truth.now()
  expect(after.source).not.toBe(before.source)
  expect(await truth.sourceAt(before.position)).toEqual({ kind: 'known', source: before.source })
  expect(await truth.sourceAt(after.position)).toEqual({ kind: 'known', source: after.source })
})

test('whether anything changed between two positions is what the change stream says', async () => {
  const [first, second] = [await put('c', 1), await put('c', 2)]
  expect(await truth.changedWithin(first, second)).toEqual({ kind: 'yes', at: second })
  const third = await put('c', 3)
  const { position } = await truth.now()
  expect(await truth.changedWithin(second, second)).toEqual({ kind: 'no' })
  expect(await truth.changedWithin(second, position)).toEqual({ kind: 'yes', at: third })
  expect(await truth.changedWithin(third, position)).toEqual({ kind: 'no' })
})

test('documents that do not fit into one reply of the database are all there', async () => {
  const ids = Array.from({ length: 6 }, (_, n) => `giant-${n}`)
  const numbers = Array.from({ length: 250_000 }, (_, n) => n)
  for (const _id of ids) await giants.insertOne({ _id, numbers })
  const { position } = await truth.now()
  const known = await truth.at(position, 'products', [...ids, 'none'])
  if (known.kind === 'unknown') throw new Error(known.reason)
  expect([...known.documents.keys()].sort()).toEqual(ids)
})
