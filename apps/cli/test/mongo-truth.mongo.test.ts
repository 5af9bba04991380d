import { afterAll, expect, test } from '@jest/globals'
import { loadCollections } from '@freshet/documents'
import { openReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { positionOf } from '@freshet/protocol'
import type { Position } from '@freshet/protocol'
import { renameTimeline } from '@freshet/migration'
import { openTestDatabase, silentLog } from '@freshet/testkit'
import * as fc from 'fast-check'
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} from 'mongodb'
import { join } from 'node:path'
import { MongoTruth } from '../src/audit/mongo-truth.ts'
import { secondMapping } from './support/second-mapping.ts'

const db = await openTestDatabase({ own: true })
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

/** Writes a document and resolves with the position of that write. */
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

test('past states are read at each position, as the JSON of a reader', async () => {
  const first = await put('a', 1)
  const second = await put('a', 2)
  const third = await put('b', 3)
  expect(await textsAt(first, ['a', 'b'])).toEqual({ a: '{"id":"a","n":1}' })
  expect(await textsAt(second, ['a', 'b'])).toEqual({ a: '{"id":"a","n":2}' })
  expect(await textsAt(third, ['a', 'b', 'c'])).toEqual({ a: '{"id":"a","n":2}', b: '{"id":"b","n":3}' })
})

test('existing ids are found; documents with ids of other types are omitted', async () => {
  await put('a', 1)
  await db.admin.db(db.database).collection('products').insertOne({ n: 1 })
  expect(await truth.someIds('products', 100)).toEqual(expect.arrayContaining(['a']))
  expect((await truth.someIds('products', 100)).every((id) => id.length < 5)).toBe(true)
})

test('a position before the snapshot history, or a dropped collection, is unknown and not absent', async () => {
  expect(await textsAt(positionOf(1, 1), ['a'])).toMatch(/cannot read that position: Snapshot/)
  const before = await put('a', 1)
  await products.drop()
  expect(await textsAt(before, ['a'])).toMatch(/no longer available|cannot read/)
})

test('the source is the hash of the timeline', async () => {
  const { source, server, position } = await truth.now()
  expect(source).toMatch(/^[0-9a-f]{8}$/)
  expect(server).toMatch(/^[0-9a-f]{24}$/)
  expect(await truth.sourceAt(position)).toEqual({ kind: 'known', source })
})

test('after a new timeline, the past has the old source id and the present the new one', async () => {
  const before = await truth.now()
  await renameTimeline(db.adminUri, db.database)
  const after = await truth.now()
  expect(after.source).not.toBe(before.source)
  expect(await truth.sourceAt(before.position)).toEqual({ kind: 'known', source: before.source })
  expect(await truth.sourceAt(after.position)).toEqual({ kind: 'known', source: after.source })
})

test('the change stream says whether anything changed between two positions', async () => {
  const [first, second] = [await put('c', 1), await put('c', 2)]
  expect(await truth.changedWithin(first, second)).toEqual({ kind: 'yes', at: second })
  const third = await put('c', 3)
  const { position } = await truth.now()
  expect(await truth.changedWithin(second, second)).toEqual({ kind: 'no' })
  expect(await truth.changedWithin(second, position)).toEqual({ kind: 'yes', at: third })
  expect(await truth.changedWithin(third, position)).toEqual({ kind: 'no' })
})

test('documents that do not fit into one reply of the database are complete', async () => {
  const ids = Array.from({ length: 6 }, (_, n) => `giant-${n}`)
  const numbers = Array.from({ length: 250_000 }, (_, n) => n)
  for (const _id of ids) await giants.insertOne({ _id, numbers })
  const { position } = await truth.now()
  const known = await truth.at(position, 'products', [...ids, 'none'])
  if (known.kind === 'unknown') throw new Error(known.reason)
  expect([...known.documents.keys()].sort()).toEqual(ids)
})

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

/** Every BSON type that a driver can still store. */
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.integer().map((n) => new Int32(n)),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
      fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }).map((n) => Long.fromBigInt(n)),
      fc.double().map((n) => new Double(n)),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((n) => new Double(n)),
      fc
        .tuple(fc.integer(), fc.integer({ min: -50, max: 50 }))
        .map(([n, e]) => Decimal128.fromString(`${n}E${e}`)),
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new UUID(bytes)),
      fc
        .tuple(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(0, 1, 5, 128))
        .map(([bytes, type]) => new Binary(bytes, type)),
      fc
        .tuple(fc.stringMatching(/^[a-z/"\\.*]{0,8}$/), fc.constantFrom('', 'i', 'imx'))
        .map(([text, flags]) => new BSONRegExp(text, flags)),
      fc.string().map((text) => new Code(text)),
      fc.string().map((text) => new Code(text, { a: new Int32(1), when: new Date(0) })),
      fc.string().map((text) => new BSONSymbol(text)),
      fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
      fc.constantFrom(new MinKey(), new MaxKey()),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'id', '_id', 'name of its own', 'é'), tie('value'), {
      maxKeys: 4,
    }),
  ),
}))
const anyFields = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'id', 'n', 'text'), anyValue, {
  minKeys: 1,
  maxKeys: 6,
})

test(`P2 the JSON of 2,000 documents equals that of a second mapping, written from the documentation (seed ${seed})`, async () => {
  const documents = fc
    .sample(anyFields, { seed, numRuns: 2_000 })
    .map((fields, n) => ({ _id: `any-${n}`, ...fields }))
  await products.insertMany(documents)
  const { position } = await truth.now()
  for (let from = 0; from < documents.length; from += 100) {
    const some = documents.slice(from, from + 100)
    const texts = Object(
      await textsAt(
        position,
        some.map(({ _id }) => _id),
      ),
    )
    // As text, because the order of names matters.
    const shown = some.map(({ _id }) => JSON.stringify(JSON.parse(texts[_id])))
    expect(shown).toEqual(some.map((document) => JSON.stringify(secondMapping(document))))
  }
})

test('control: the second mapping distinguishes types that look alike', () => {
  const forms = [
    new Int32(7),
    Long.fromString('9007199254740993'),
    new Double(Number.NaN),
    Decimal128.fromString('7'),
  ]
  expect(forms.map((v) => Object(secondMapping({ _id: 'x', v })).v)).toEqual([
    7,
    '9007199254740993',
    'NaN',
    '7',
  ])
})
