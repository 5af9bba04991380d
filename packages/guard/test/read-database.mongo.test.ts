import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WireRecorder } from '@freshet/testkit'
import { MongoClient, ObjectId } from 'mongodb'
import { openReadConnection, readDatabase } from '../src/index.ts'
import type { GuardedConnection, ReadCollection } from '../src/index.ts'
import { refusedCollectionVerbs, refusedDatabaseVerbs } from '../src/refused-verbs.ts'
import { KeptLog } from '@freshet/testkit'
import { TestServer } from './test-server.ts'

interface Doc {
  readonly _id: number
  readonly a: number
  readonly nested: {
    readonly tags: readonly { readonly n: number }[]
    readonly id: ObjectId
    readonly at: Date
  }
}

let server: TestServer
let recorder: WireRecorder
let connection: GuardedConnection
let docs: ReadCollection<Doc>

beforeAll(async () => {
  server = await TestServer.open({ accessControl: true })
  recorder = await WireRecorder.open({ host: '127.0.0.1', port: server.port })
  await using root = new MongoClient(server.uri('root'))
  const nested = { tags: [{ n: 1 }], id: new ObjectId(), at: new Date(0) }
  const many = Array.from({ length: 250 }, (_, i) => ({ _id: i, a: i % 5, nested }))
  await root.db('app').collection<Doc>('docs').insertMany(many)
  const uri = server.uri('reader', recorder.port)
  connection = await openReadConnection({ uri, database: 'app', appName: 'test', log: new KeptLog() })
  docs = readDatabase(connection).collection<Doc>('docs')
})
afterAll(async () => {
  await connection.close()
  await recorder[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const sent = (name: string): number => recorder.commands.filter((seen) => seen.name === name).length

test('G1.2 finds across batches, with filter, sort, projection, skip and limit', async () => {
  expect(await docs.find().toArray()).toHaveLength(250)
  const found = await docs
    .find({ a: 3 }, { sort: { _id: -1 }, skip: 1, limit: 2, projection: { nested: 0 } })
    .toArray()
  expect(found).toEqual([
    { _id: 243, a: 3 },
    { _id: 238, a: 3 },
  ])
  expect((await docs.findOne({ _id: 7 }))?.a).toBe(2)
  expect(await docs.findOne({ _id: -7 })).toBeUndefined()
  expect(await docs.countDocuments({ a: { $lt: 2 } })).toBe(100)
  expect(await docs.countDocuments({ a: 99 })).toBe(0)
  const groups = docs.aggregate<{ _id: number; n: number }>([{ $group: { _id: '$a', n: { $sum: 1 } } }], {
    batchSize: 2,
  })
  expect((await groups.toArray()).map(({ n }) => n)).toEqual([50, 50, 50, 50, 50])
})

test('G1.3 hands out documents frozen at every depth, whose values keep their methods', async () => {
  const found = await docs.findOne({ _id: 1 })
  expect(found).toBeDefined()
  if (!found) return
  expect([found, found.nested, found.nested.tags, found.nested.tags[0]].every(Object.isFrozen)).toBe(true)
  expect(() => Reflect.apply(Array.prototype.push, found.nested.tags, [1])).toThrow(TypeError)
  expect(found.nested.id.toHexString()).toMatch(/^[0-9a-f]{24}$/)
  expect(found.nested.at.getTime()).toBe(0)
})

test('G1.4 a loop that is left early tells the server to forget the cursor', async () => {
  const before = sent('killCursors')
  for await (const { _id: id } of docs.find({}, { batchSize: 10 })) {
    expect(id).toBe(0)
    break
  }
  expect(sent('killCursors')).toBe(before + 1)
  const opened = await connection.run({ find: 'docs', filter: {} })
  await connection.run({ killCursors: 'docs', cursors: [opened['cursor'].id] })
})

test('G1.5 an aborted signal ends a read', async () => {
  const gone = new AbortController()
  const reading = async (): Promise<void> => {
    for await (const { _id: id } of docs.find({}, { batchSize: 10, signal: gone.signal })) {
      if (id === 5) gone.abort(new Error('gone'))
    }
  }
  await expect(reading()).rejects.toThrow('gone')
})

test.each([
  ['collection', Object.keys(refusedCollectionVerbs)],
  ['database', Object.keys(refusedDatabaseVerbs)],
])(
  'G1.6 every refused verb of a %s, called past the compiler, rejects and is counted',
  async (kind, verbs) => {
    const door: object = kind === 'collection' ? docs : readDatabase(connection)
    const before = connection.status().refusals.command
    const seen = recorder.commands.length
    for (const verb of verbs) {
      const call: unknown = Reflect.get(door, verb)
      if (typeof call !== 'function') throw new Error(`${verb} is missing`)
      await expect(call.call(door, {})).rejects.toMatchObject({ code: 'WRITE_REFUSED' })
    }
    expect(connection.status().refusals.command).toBe(before + verbs.length)
    const names = recorder.commands.slice(seen).map(({ name }) => name)
    expect(names.filter((name) => name !== 'hello' && name !== 'ismaster')).toEqual([])
  },
)

test('G1.6 a writing stage in an aggregate is refused by its own name, wherever it hides', async () => {
  const hidden = [{ $facet: { a: [{ $lookup: { from: 'b', pipeline: [{ $merge: 'c' }], as: 'x' } }] } }]
  // @ts-expect-error it does not compile either, at any depth
  await expect(docs.aggregate(hidden).toArray()).rejects.toThrow('stage "$merge"')
  await expect(
    // @ts-expect-error as above
    docs.aggregate([{ $unionWith: { coll: 'b', pipeline: [{ $out: 'c' }] } }]).toArray(),
  ).rejects.toThrow('stage "$out"')
  // @ts-expect-error as above
  await expect(docs.aggregate([{ $match: {}, $out: 'c' }]).toArray()).rejects.toThrow('a stage with 2 names')
})
