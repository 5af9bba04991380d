import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Binary, Int32, Long, MongoClient, ObjectId, UUID } from 'mongodb'
import type { Document } from 'mongodb'
import { attacks } from '@freshet/guard/test/attacks'
import { AttackBench } from '@freshet/guard/test/bench'
import { vetoing } from '@freshet/guard/test/support'
import type { Cause } from '@freshet/handlers'
import { runCaused } from '@freshet/handlers/test/support'
import { watchWrites } from '../../src/index.ts'
import { writtenBy } from '../../src/mongodb/written.ts'
import { inHandler, passedWatch, throughWatch } from './at-handler.ts'

let bench: AttackBench
let untouched: string
beforeAll(async () => {
  bench = await AttackBench.open()
  untouched = await bench.fingerprint()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** A client with full privileges, like the service's own. */
const rootClient = (): MongoClient =>
  new MongoClient(bench.uri('root'), { maxPoolSize: 1, retryWrites: false })

const writing = throughWatch(attacks)

test('G7.1 a handler that declared nothing cannot put a single write on the wire, even as root', async () => {
  await using client = watchWrites(rootClient())
  await client.connect()
  const through: string[] = []
  for (const { name, run } of writing) {
    const outcome = await inHandler([], () => bench.writesSeen(client, run))
    if (passedWatch(outcome) !== undefined) through.push(name)
  }
  expect(through).toEqual([])
  expect(writing.length).toBeGreaterThan(100)
  expect(await bench.fingerprint()).toBe(untouched)
})

test('G7.1 negative control: without the watch, the writes reach the wire', async () => {
  await using client = new MongoClient(bench.uri('reader'), { maxPoolSize: 1, retryWrites: false })
  const unseen: string[] = []
  for (const { name, run } of writing) {
    const outcome = await inHandler([], () => bench.writesSeen(client, run))
    if (outcome === undefined || passedWatch(outcome) === undefined) unseen.push(name)
  }
  expect(unseen).toEqual([])
})

test('G7.2 declared writes pass, and so does everything outside of handlers', async () => {
  await using client = watchWrites(rootClient())
  const docs = client.db('app').collection('declared')
  const insert = (n: number): Promise<unknown> => docs.insertOne({ n })
  // The connection is opened inside a handler, whose context must not leak into later commands.
  await inHandler(['declared'], () => insert(1))
  await inHandler(['other'], () => insert(2))
  await insert(3)
  await Promise.all([
    inHandler(['other'], () => insert(4)),
    insert(5),
    inHandler(['declared'], () => insert(6)),
  ])
  const found = await inHandler([], () => docs.find().sort({ n: 1 }).toArray())
  expect(found?.map(({ n }) => n)).toEqual([1, 3, 5, 6])
  await inHandler(['declared'], async () => {
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await docs.updateOne({ n: 1 }, { $set: { seen: true } }, { session })
        await docs.deleteOne({ n: 3 }, { session })
      }),
    )
  })
  expect(await docs.countDocuments({ seen: true })).toBe(1)
  await docs.drop()
})

test('G7.4 the number of changed documents is reported to the judge: none for a no-op, several for one condition', async () => {
  await using client = watchWrites(rootClient())
  const docs = client.db('app').collection<{ _id: number; n: number }>('counted')
  const told: (readonly [keys: readonly string[], changed: number])[] = []
  const judge: Cause['judge'] =
    ({ keys }) =>
    (changed) =>
      told.push([keys, changed])
  const cause: Cause = { lineage: [], database: 'app', judge, started: () => undefined }
  await runCaused(cause, async () => {
    await docs.insertMany([1, 2, 3].map((n) => ({ _id: n, n })))
    await docs.updateOne({ _id: 1 }, { $set: { n: 9 } })
    await docs.updateOne({ _id: 1 }, { $set: { n: 9 } })
    await docs.updateMany({}, { $inc: { n: 1 } })
    await docs.updateOne({ n: -1 }, { $set: { n: 0 } }, { upsert: true })
    await docs.aggregate([{ $merge: 'counted' }]).toArray()
    await docs.deleteMany({ n: { $gt: 100 } })
    await docs.deleteOne({ _id: 2 })
  })
  expect(told).toEqual([
    [['counted/1'], 1],
    [['counted/1'], 0],
    [['counted/*'], 3],
    [['counted/*'], 1],
    [[], 100],
    [['counted/*'], 0],
    [['counted/2'], 1],
  ])
  await docs.drop()
})

test('G7.6 a client whose writes could not be observed is refused', async () => {
  await using client = rootClient()
  await client.connect()
  expect(() => watchWrites(client)).toThrow(expect.objectContaining({ code: 'UNWATCHABLE' }))
  const stranger: unknown = { connect: () => undefined }
  expect(() => watchWrites(stranger as MongoClient)).toThrow(expect.objectContaining({ code: 'UNWATCHABLE' }))
})

test('G7.6 a guarded client cannot be watched: its veto would be replaced', async () => {
  await using client = vetoing(bench.uri('root')).client
  expect(() => watchWrites(client)).toThrow(expect.objectContaining({ code: 'UNWATCHABLE' }))
  await expect(client.db('app').collection('docs').insertOne({ a: 9 })).rejects.toMatchObject({
    code: 'WRITE_REFUSED',
  })
  // Idempotent: the second watch recognizes its own class.
  await using own = new MongoClient(bench.uri('reader'))
  expect(watchWrites(watchWrites(own))).toBe(own)
})

const uuid = new UUID()
const oid = new ObjectId()
test.each<[string, Document, readonly (string | undefined)[], readonly string[]]>([
  ['inserts', { insert: 'a', documents: [{ _id: 'x' }, new Map([['_id', 'y']])] }, ['a'], ['a/x', 'a/y']],
  [
    'updates by id',
    { update: 'a', updates: [{ q: { _id: oid }, u: {} }] },
    ['a'],
    [`a/${oid.toHexString()}`],
  ],
  [
    'updates of several ids',
    { update: 'a', updates: [{ q: { _id: { $in: [1, new Int32(2)] } } }] },
    ['a'],
    ['a/1', 'a/2'],
  ],
  ['updates by a condition', { update: 'a', updates: [{ q: { n: 1 }, u: {} }] }, ['a'], ['a/*']],
  [
    'updates, one of which names its document',
    { update: 'a', updates: [{ q: { _id: 1 } }, { q: { n: 1 } }] },
    ['a'],
    ['a/1', 'a/*'],
  ],
  ['inserts whose ids the server generates', { insert: 'a', documents: [{ n: 1 }] }, ['a'], ['a/*']],
  ['ids that are documents', { update: 'a', updates: [{ q: { _id: { a: 1 } } }] }, ['a'], ['a/*']],
  ['a name that the server also accepts', { findandmodify: 'a', query: { _id: 1 } }, ['a'], []],
  ['deletes', { delete: 'a', deletes: [{ q: { _id: { $eq: Long.fromNumber(7) } } }] }, ['a'], ['a/7']],
  ['findAndModify', { findAndModify: 'a', query: { _id: uuid } }, ['a'], [`a/${uuid.toString()}`]],
  [
    'binary ids of no known kind',
    { insert: 'a', documents: [{ _id: new Binary(Buffer.from('x')) }] },
    ['a'],
    ['a/*'],
  ],
  ['$out', { aggregate: 'a', pipeline: [{ $match: {} }, { $out: 'b' }] }, ['b'], []],
  ['$out to another database', { aggregate: 'a', pipeline: [{ $out: { db: 'd', coll: 'b' } }] }, ['d.b'], []],
  ['$merge', { aggregate: 'a', pipeline: [{ $merge: 'b' }] }, ['b'], []],
  [
    '$merge into another database',
    { aggregate: 'a', pipeline: [{ $merge: { into: { db: 'd', coll: 'b' } } }] },
    ['d.b'],
    [],
  ],
  ['a definition', { createIndexes: 'a', indexes: [] }, ['a'], []],
  ['a command without a collection', { dropDatabase: 1 }, [undefined], []],
  [
    'a bulk write over several collections',
    {
      bulkWrite: 1,
      ops: {
        documents: [
          { insert: 1, document: { _id: 'x' } },
          { update: 0, filter: { _id: 'y' } },
        ],
      },
      nsInfo: { documents: [{ ns: 'app.a' }, { ns: 'd.b.c' }] },
    },
    ['a', 'd.b.c'],
    ['d.b.c/x', 'a/y'],
  ],
])('G7.1 the target of a write is read from the command: %s', (_, command, collections, keys) => {
  expect(writtenBy(command, 'app', 'app')).toEqual({ collections, keys })
})

test('G7.1 a write to another database is named with its database', () => {
  expect(writtenBy({ insert: 'a', documents: [] }, 'elsewhere', 'app')).toEqual({
    collections: ['elsewhere.a'],
    keys: [],
  })
})

test.each<Document>([
  { find: 'a' },
  { aggregate: 'a', pipeline: [{ $match: {} }] },
  { count: 'a' },
  { distinct: 'a', key: 'n' },
  { commitTransaction: 1 },
  { explain: { find: 'a' }, verbosity: 'queryPlanner' },
  { validate: 'a' },
  { hostInfo: 1 },
  { currentOp: 1 },
  { dataSize: 'app.a' },
  { getParameter: '*' },
  { usersInfo: 1 },
  { replSetGetStatus: 1 },
])('G7.1 reads are not treated as writes: %j', (command) => {
  expect(writtenBy(command, 'app', 'app')).toBeUndefined()
})

test.each<Document>([
  { explain: { aggregate: 'a', pipeline: [{ $out: 'b' }] } },
  { validate: 'a', repair: true },
  { validate: 'a', fixMultikey: true },
])('G7.1 a command that might not be a read is treated as a write: %j', (command) => {
  expect(writtenBy(command, 'app', 'app')).toBeDefined()
})
