import { expect, test } from '@jest/globals'
import { bsonValues } from '@freshet/testkit'
import { Binary, BSON, Code, DBRef, Decimal128, Long, ObjectId, Timestamp } from 'mongodb'
import type { Document } from 'mongodb'
import { checkMessage, findForbiddenName } from '../src/vetoing-connection.ts'
import * as fc from 'fast-check'
import { allowedNames } from '../src/allowed-names.ts'

const databases = new Set(['app'])

function opMsg(body: Document, { flags = 0, kind = 0, more = Buffer.alloc(0) } = {}): Buffer {
  const bytes = BSON.serialize(body)
  const head = Buffer.alloc(21)
  head.writeInt32LE(21 + bytes.length + more.length, 0)
  head.writeInt32LE(2013, 12)
  head.writeUInt32LE(flags, 16)
  head.writeUInt8(kind, 20)
  return Buffer.concat([head, bytes, more])
}

function opQuery(body: Document): Buffer {
  const head = Buffer.concat([Buffer.alloc(20), Buffer.from('admin.$cmd\0'), Buffer.alloc(8)])
  head.writeInt32LE(2004, 12)
  const bytes = BSON.serialize(body)
  head.writeInt32LE(head.length + bytes.length, 0)
  return Buffer.concat([head, bytes])
}

const find = (filter: Document): Buffer => opMsg({ find: 'a', filter, $db: 'app' })
const aggregate = (...pipeline: Document[]): Buffer =>
  opMsg({ aggregate: 'a', pipeline, cursor: {}, $db: 'app' })

test('G3.1 permits reads, whatever the types of their values', () => {
  const native = [1, 1.5, /a/i, Buffer.from('abc'), undefined]
  const values = Object.values(bsonValues).filter((value) => !(value instanceof Code))
  expect(
    checkMessage(find({ a: { $in: [...values, ...native] }, 'b.c': { $gt: { d: [[{}]] } } }), databases),
  ).toBeUndefined()
})

test('G3.1 permits change streams and nested read pipelines', () => {
  const joined = {
    $lookup: {
      from: 'b',
      let: { x: '$x' },
      pipeline: [{ $match: { $expr: { $eq: ['$x', '$$x'] } } }],
      as: 'c',
    },
  }
  expect(
    checkMessage(aggregate({ $changeStream: { showExpandedEvents: true } }, { $match: {} }), databases),
  ).toBeUndefined()
  expect(
    checkMessage(
      aggregate({ $facet: { a: [joined], b: [{ $unionWith: { coll: 'b', pipeline: [] } }] } }),
      databases,
    ),
  ).toBeUndefined()
})

test('G3.2 permits reads in natural order', () => {
  for (const order of [{ hint: { $natural: 1 } }, { sort: { $natural: -1 } }])
    expect(checkMessage(opMsg({ find: 'a', ...order, $db: 'app' }), databases)).toBeUndefined()
})

test.each(['insert', 'InSeRt', 'FIND', 'Aggregate', 'explain', 'count', '', '$query', 'find\u00a0'])(
  'G3.1 refuses the command %j by its exact name',
  (name) => {
    expect(checkMessage(opMsg({ [name]: 'a', $db: 'app' }), databases)).toEqual({
      reason: 'command',
      what: name,
    })
  },
)

test('G3.1 judges the first key, which is the command for the server', () => {
  expect(checkMessage(opMsg({ insert: 'a', find: 'a', $db: 'app' }), databases)?.what).toBe('insert')
  expect(checkMessage(opMsg({ $db: 'app', find: 'a' }), databases)?.what).toBe('$db')
})

test.each(['$out', '$merge', '$function', '$where', '$accumulator', '$currentOp', '$stageOfNextYear'])(
  'G3.2 refuses %s at any depth',
  (name) => {
    const hidden = { [name]: 'x' }
    const places = [
      aggregate(hidden),
      aggregate({ $match: {} }, hidden),
      aggregate({ $facet: { a: [{ $match: {} }, hidden] } }),
      aggregate({
        $lookup: { from: 'b', pipeline: [{ $unionWith: { coll: 'c', pipeline: [hidden] } }], as: 'x' },
      }),
      aggregate({ $project: { a: { $cond: [true, hidden, 1] } } }),
      find({ $and: [{ $expr: hidden }] }),
      find({ a: new DBRef('c', new ObjectId(), 'd', hidden) }),
      opMsg({ find: 'a', projection: { a: hidden }, $db: 'app' }),
    ]
    expect(places.map((message) => checkMessage(message, databases)?.reason)).toEqual(
      places.map(() => 'name'),
    )
  },
)

test('G3.2 refuses code as a value, with and without a scope', () => {
  expect(checkMessage(find({ a: new Code('1') }), databases)?.what).toBe('code')
  expect(checkMessage(find({ a: new Code('1', { b: 1 }) }), databases)?.what).toBe('code')
})

test('G3.2 judges what is sent, not what an object shows when inspected', () => {
  expect(checkMessage(aggregate({ toBSON: () => ({ $out: 'x' }) }), databases)?.what).toBe('$out')
  expect(checkMessage(aggregate(new Map([['$out', 'x']])), databases)?.what).toBe('$out')
})

test('G3.1 refuses transactions, even read-only ones, because nothing here could end them', () => {
  const read = { find: 'a', startTransaction: true, autocommit: false, $db: 'app' }
  expect(checkMessage(opMsg(read), databases)).toEqual({ reason: 'command', what: 'startTransaction' })
})

test('G3.3 refuses other databases, except for the handshake, the login and ending sessions', () => {
  expect(checkMessage(opMsg({ find: 'a', $db: 'other' }), databases)).toEqual({
    reason: 'database',
    what: 'other',
  })
  expect(checkMessage(opMsg({ find: 'a' }), databases)).toEqual({ reason: 'database', what: '' })
  for (const name of ['hello', 'ping', 'saslStart', 'endSessions']) {
    expect(checkMessage(opMsg({ [name]: 1, $db: 'admin' }), databases)).toBeUndefined()
  }
})

test.each<[string, Document, string]>([
  ['$lookup', { from: { db: 'local', coll: 'oplog.rs' }, pipeline: [], as: 'x' }, 'local'],
  ['$lookup', { from: { coll: 'b', db: 'other' }, pipeline: [], as: 'x' }, 'other'],
  ['$lookup', { from: { db: new BSON.BSONSymbol('app'), coll: 'b' }, as: 'x' }, ''],
  ['$graphLookup', { from: { db: 'other', coll: 'b' }, as: 'x' }, 'other'],
  ['$unionWith', { db: 'other', coll: 'b' }, 'other'],
  ['$unionWith', { coll: { db: 'other', coll: 'b' } }, 'other'],
  ['$lookup', { into: { db: 'other', coll: 'b' } }, 'other'],
])('G3.3 refuses %s that names another database, at any depth: %j', (name, argument, what) => {
  const stage = { [name]: argument }
  const documents = { $documents: [{ a: 1 }] }
  for (const pipeline of [
    [documents, stage],
    [{ $facet: { f: [stage] } }],
    [{ $lookup: { from: 'b', pipeline: [{ $unionWith: { coll: 'c', pipeline: [stage] } }], as: 'x' } }],
  ])
    expect(checkMessage(aggregate(...pipeline), databases)).toEqual({ reason: 'database', what })
})

test('G3.3 permits naming the own database, and searching for documents with such fields', () => {
  const own = { from: { db: 'app', coll: 'b' }, pipeline: [], as: 'x' }
  expect(checkMessage(aggregate({ $lookup: own }), databases)).toBeUndefined()
  const filter = { from: { db: 'other', coll: 'b' }, db: 'other' }
  expect(checkMessage(aggregate({ $match: filter }), databases)).toBeUndefined()
  const joined = { from: 'b', pipeline: [{ $match: filter }], as: 'db' }
  expect(checkMessage(aggregate({ $lookup: joined }), databases)).toBeUndefined()
  expect(checkMessage(find(filter), databases)).toBeUndefined()
})

test('G3.4 refuses every message that is not a single plain command', () => {
  const read = { find: 'a', $db: 'app' }
  const sequence = Buffer.concat([Buffer.from([1]), BSON.serialize({})])
  const cut = find({}).subarray(0, 30)
  const opcode = find({})
  opcode.writeInt32LE(2002, 12)
  const longer = find({})
  longer.writeInt32LE(longer.length + 1, 0)
  const messages = [
    longer,
    opMsg(read, { flags: 1 }),
    opMsg(read, { kind: 1 }),
    opMsg(read, { more: sequence }),
    cut,
    opcode,
  ]
  expect(messages.map((message) => checkMessage(message, databases)?.reason)).toEqual(
    messages.map(() => 'message'),
  )
})

test('G3.4 accepts the old message type only for the handshake', () => {
  expect(checkMessage(opQuery({ ismaster: 1 }), databases)).toBeUndefined()
  expect(checkMessage(opQuery({ find: 'a', $db: 'app' }), databases)?.reason).toBe('message')
})

test('G3.4 refuses bytes that it cannot parse, wherever they are truncated or corrupted', () => {
  const whole = aggregate(
    { $match: { a: [1, 'x', /y/, { b: Buffer.from('z') }], $or: [{ c: 1 }] } },
    { $out: 'b' },
  )
  for (let length = 0; length < whole.length; length++) {
    expect(checkMessage(whole.subarray(0, length), databases)).toBeDefined()
  }
})

const allowed = [...allowedNames]
const key = fc.oneof(
  fc.constantFrom(...allowed),
  fc.string({ maxLength: 6 }).filter((text) => !/^\$|\0/.test(text)),
)
const leaf = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ maxLength: 20 }),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(null, /\$out/i, new ObjectId(), Long.MIN_VALUE, new Timestamp({ t: 1, i: 1 })),
  fc.constantFrom(
    Decimal128.fromString('1'),
    new BSON.MinKey(),
    new BSON.MaxKey(),
    new BSON.BSONSymbol('$out'),
    '$out',
  ),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes)),
)
const { document } = fc.letrec<{ value: unknown; document: Document }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('document')),
  document: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
}))
/** Keys that no list may contain: real ones, and ones that nobody has thought of. */
const forbidden = fc.oneof(
  fc.constantFrom('$out', '$merge', '$where', '$'),
  fc.stringMatching(/^\$[a-z]{8,12}X$/),
)

const serialized = (value: Document): Buffer => Buffer.from(BSON.serialize(value))

test('G3.8 nothing is found in a command with only allowed names', () => {
  fc.assert(
    fc.property(document, (value) => {
      expect(findForbiddenName(serialized(value), 0, allowedNames)).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})

test('G3.8 a forbidden name is found wherever it is inserted', () => {
  fc.assert(
    fc.property(document, forbidden, leaf, fc.nat(), (value, name, inside, place) => {
      const spots = documentsIn(value)
      const spot = spots[place % spots.length]
      if (spot) spot[name] = inside
      expect(findForbiddenName(serialized(value), 0, allowedNames)).toBe(name)
    }),
    { numRuns: 2_000 },
  )
})

test('G3.4 corrupted bytes are reported as malformed or judged, without any other error or an endless loop', () => {
  fc.assert(
    fc.property(document, fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
      const bytes = serialized(value)
      bytes[at % bytes.length] = byte
      try {
        findForbiddenName(bytes, 0, allowedNames)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }),
    { numRuns: 5_000 },
  )
})

/** Every document in a tree, root first. */
function documentsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(documentsIn)
  if (!isDocument(value)) return []
  return [value, ...Object.values(value).flatMap(documentsIn)]
}

/** fast-check creates dictionaries without a prototype. */
function isDocument(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
