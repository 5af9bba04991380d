import { expect, test } from '@jest/globals'
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
  UUID,
} from 'bson'
import * as fc from 'fast-check'
import { encodeJson } from '../src/encode-json.ts'
import { element, rawDocument } from './support/raw-bson.ts'

const jsonOf = (document: object): string => encodeJson(serialize(document)).toString('utf8')
const oid = ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718')

test.each<[string, unknown, string]>([
  ['int', new Int32(-7), '-7'],
  ['the smallest int', new Int32(-2_147_483_648), '-2147483648'],
  ['long', Long.fromNumber(5_000_000_000), '5000000000'],
  ['the largest exact long', Long.fromString('9007199254740991'), '9007199254740991'],
  ['2^53', Long.fromString('9007199254740992'), '9007199254740992'],
  ['a long beyond 2^53', Long.fromString('9007199254740993'), '"9007199254740993"'],
  ['the smallest long', Long.MIN_VALUE, '"-9223372036854775808"'],
  ['double', new Double(0.1), '0.1'],
  ['a whole double', new Double(5), '5'],
  ['-0', new Double(-0), '0'],
  ['a huge double', new Double(1e300), '1e+300'],
  ['2^53 as a double', new Double(2 ** 53), '9007199254740992'],
  ['a whole double beyond 2^53', new Double(-(2 ** 60)), '-1152921504606847000.0'],
  ['the largest without an exponent', new Double(1e20), '100000000000000000000.0'],
  ['NaN', new Double(Number.NaN), '"NaN"'],
  ['infinity', new Double(Number.POSITIVE_INFINITY), '"Infinity"'],
  ['minus infinity', new Double(Number.NEGATIVE_INFINITY), '"-Infinity"'],
  ['decimal', Decimal128.fromString('19.990'), '"19.990"'],
  ['text', 'a"b\\c\n\u0001é€😀', '"a\\"b\\\\c\\n\\u0001é€😀"'],
  ['true', true, 'true'],
  ['false', false, 'false'],
  ['null', null, 'null'],
  ['date', new Date('2026-11-24T03:04:05.678Z'), '"2026-11-24T03:04:05.678Z"'],
  ['the first date', new Date(-62_167_219_200_000), '"0000-01-01T00:00:00.000Z"'],
  ['a date before year 0', new Date(-62_167_219_200_001), '"-62167219200001"'],
  ['a date after 9999', new Date(253_402_300_800_000), '"253402300800000"'],
  ['object id', oid, '"64b5f0c2a1b2c3d4e5f60718"'],
  ['uuid', new UUID('01890a5d-ac96-774b-bcce-b302099a8057'), '"01890a5d-ac96-774b-bcce-b302099a8057"'],
  ['binary', new Binary(Buffer.from([1, 2, 255])), '"AQL/"'],
  ['old binary', new Binary(Buffer.from([1, 2, 255]), 2), '"AQL/"'],
  ['regex', new BSONRegExp('a/b"', 'ix'), '{"$regularExpression":{"pattern":"a/b\\"","options":"ix"}}'],
  ['code', new Code('f()'), '{"$code":"f()"}'],
  ['code with scope', new Code('f()', { a: 1 }), '{"$code":"f()","$scope":{"a":1}}'],
  ['symbol', new BSONSymbol('s'), '{"$symbol":"s"}'],
  ['timestamp', new Timestamp({ t: 7, i: 9 }), '{"$timestamp":{"t":7,"i":9}}'],
  ['min key', new MinKey(), '{"$minKey":1}'],
  ['max key', new MaxKey(), '{"$maxKey":1}'],
  ['array', [1, 'a', [true]], '[1,"a",[true]]'],
  ['empty array', [], '[]'],
  ['document', { b: 1, a: { id: 2, _id: 3 } }, '{"b":1,"a":{"id":2,"_id":3}}'],
  ['a reference', new DBRef('c', oid), '{"$ref":"c","$id":"64b5f0c2a1b2c3d4e5f60718"}'],
])('B1 %s has one form', (_name, value, json) => {
  expect(jsonOf({ v: value })).toBe(`{"v":${json}}`)
})

test('B1 a DBPointer has its extended form', () => {
  const pointer = Buffer.concat([Buffer.from([2, 0, 0, 0]), Buffer.from('c\0'), Buffer.from(oid.id)])
  const body = Buffer.concat([Buffer.from([0x0c]), Buffer.from('v\0'), pointer, Buffer.from([0])])
  const bson = Buffer.concat([Buffer.from([body.length + 4, 0, 0, 0]), body])
  expect(encodeJson(bson).toString()).toBe(
    `{"v":{"$dbPointer":{"$ref":"c","$id":{"$oid":"${oid.toHexString()}"}}}}`,
  )
})

test('B1 names keep their order, even integer-like ones; the id comes first, and a stored id is escaped', () => {
  const document = new Map<string, unknown>([
    ['b', 1],
    ['2', 2],
    ['_id', 'k'],
    ['1', 3],
    ['id', 4],
  ])
  expect(jsonOf(document)).toBe('{"id":"k","b":1,"2":2,"1":3,"$id":4}')
})

test('B24 stored names that would collide are escaped, and so are their escaped forms', () => {
  expect(jsonOf({ id: 1, $id: 2, _id: 'k', $$id: 3, $ref: 4, $_id: 5, $i: 6, xid: 7 })).toBe(
    '{"id":"k","$id":1,"$$id":2,"$$$id":3,"$ref":4,"$_id":5,"$i":6,"xid":7}',
  )
  // Names in nested documents are shown as stored.
  expect(jsonOf({ a: { _id: 0, id: 1, $id: 2 } })).toBe('{"a":{"_id":0,"id":1,"$id":2}}')
})

test('B24 no object has duplicate names, whatever names are stored', () => {
  const name = fc.oneof(
    fc
      .constantFrom('_id', 'id', '$id', '$$id', '$$$id', '$', 'd', '\uFFFD', 'é')
      .map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 1, maxLength: 2, min: 0x7d }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(name, { maxLength: 12 }), fc.integer({ min: 0, max: 40 }), (some, others) => {
      const all = [...Array.from({ length: others }, (_, n) => Buffer.from(`n${n}`)), ...some]
      const inner = rawDocument(...all.map((one) => element(8, one, Buffer.from([1]))))
      const bson = rawDocument(...all.map((one) => element(3, one, inner)))
      const names = namesOf(encodeJson(bson).toString())
      expect(names.filter((list) => new Set(list).size !== list.length)).toEqual([])
      // Names that differ as stored differ as shown.
      const texts = new Set(all.map((one) => one.toString('utf8')))
      expect(names[0]?.length).toBe(texts.size)
    }),
    { numRuns: 150 },
  )
})

/** All names of the JSON's objects, duplicates included. */
function namesOf(json: string): string[][] {
  const lists: string[][] = [[]]
  let level = 0
  for (const [token] of json.matchAll(/[{}]|"(?:[^"\\]|\\.)*"(?=:)/gu)) {
    if (token === '{') level += 1
    if (token === '{' && level === 2) lists.push([])
    if (token === '}') level -= 1
    if (token.startsWith('"')) (level === 1 ? lists[0] : lists.at(-1))?.push(token)
  }
  return lists
}

test.each<[string, unknown, string]>([
  ['an int', new Int32(-5), '"-5"'],
  ['a long', Long.fromNumber(5), '"5"'],
  ['a double', new Double(5), '"5"'],
  ['a double -0', new Double(-0), '"0"'],
  ['the largest', Long.fromNumber(Number.MAX_SAFE_INTEGER), '"9007199254740991"'],
  ['a decimal', Decimal128.fromString('1.10E+1'), '"11"'],
  ['a symbol', new BSONSymbol('a"b'), '"a\\"b"'],
  // Valid as the id of no collection, and shown like any other value.
  ['a long beyond', Long.fromString('9007199254740993'), '"9007199254740993"'],
  ['2^53', Long.fromString('9007199254740992'), '9007199254740992'],
  ['a fraction', new Double(0.5), '0.5'],
  ['a decimal fraction', Decimal128.fromString('0.50'), '"0.50"'],
  ['true', true, 'true'],
])('B2 the id is the string used in the URL: %s', (_name, id, json) => {
  expect(jsonOf({ _id: id, n: 5 })).toBe(`{"id":${json},"n":5}`)
})

test('B1 undefined is omitted, but keeps its place in an array', () => {
  expect(
    encodeJson(serialize({ a: undefined, b: [undefined, 1] }, { ignoreUndefined: false })).toString(),
  ).toBe('{"a":null,"b":[null,1]}')
  // The type undefined, which drivers no longer write.
  expect(encodeJson(Buffer.from('0b000000066100086200010000', 'hex').fill(13, 0, 1)).toString()).toBe(
    '{"b":true}',
  )
})

test.each([3, 40])('B1 of %i duplicate names the first counts', (count) => {
  const one = (n: number): Buffer => Buffer.from([0x10, 0x61, 0, n, 0, 0, 0])
  const filler = Array.from({ length: count }, (_, n) =>
    Buffer.concat([Buffer.from([0x10]), Buffer.from(`f${n}\0`), Buffer.from([n, 0, 0, 0])]),
  )
  const body = Buffer.concat([one(7), ...filler, one(8), ...filler, Buffer.from([0])])
  const size = Buffer.alloc(4)
  size.writeUInt32LE(body.length + 4)
  const names = Array.from({ length: count }, (_, n) => `"f${n}":${n}`).join(',')
  expect(encodeJson(Buffer.concat([size, body])).toString()).toBe(`{"a":7,${names}}`)
})

test('B1 invalid UTF-8 is replaced as the Encoding Standard says', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const text = Buffer.from(bytes.map((byte) => (byte < 0x20 ? byte + 0x80 : byte)))
      const body = Buffer.concat([
        Buffer.from([2, 0x61, 0, text.length + 1, 0, 0, 0]),
        text,
        Buffer.from([0, 0]),
      ])
      const bson = Buffer.concat([Buffer.from([body.length + 4, 0, 0, 0]), body])
      const wanted = new TextDecoder('utf-8', { ignoreBOM: true }).decode(text)
      expect(JSON.parse(encodeJson(bson).toString('utf8'))).toEqual({ a: wanted })
    }),
    { numRuns: 5_000 },
  )
})

test('B3 malformed bytes never throw and always give JSON', () => {
  const whole = serialize({
    _id: 'x',
    a: [1, { b: 'text', c: [Long.MAX_VALUE] }],
    d: new Date(0),
    e: new Code('f', { g: 1 }),
    h: new BSONRegExp('a', 'i'),
    i: new Binary(Buffer.alloc(9)),
  })
  for (let cut = 0; cut <= whole.length; cut += 1) JSON.parse(encodeJson(whole.subarray(0, cut)).toString())
  fc.assert(
    fc.property(
      fc.nat(whole.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.nat(whole.length - 1),
      (at, byte, other) => {
        const broken = Buffer.from(whole)
        broken[at] = byte
        broken[other] = 255 - byte
        JSON.parse(encodeJson(broken).toString())
      },
    ),
    { numRuns: 20_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void JSON.parse(encodeJson(bytes).toString())),
    { numRuns: 20_000 },
  )
})

test('B3 excessive nesting is cut off instead of crashing', () => {
  const levels = 50_000
  const bson = Buffer.alloc(4 + levels * 7 + levels + 1)
  for (let n = 0; n < levels; n += 1) {
    bson.writeUInt32LE(bson.length - n * 8, n * 7)
    Buffer.from([3, 0x61, 0]).copy(bson, n * 7 + 4)
  }
  expect(JSON.parse(encodeJson(bson).toString())).toHaveProperty('a.a.a.a')
})

/** Values whose JSON is longer, each in its own way, and a string with a character across every chunk boundary. */
const largeValues: readonly (readonly [string, object, unknown])[] = [
  ['control characters', { a: '\u0001'.repeat(3_000_000) }, { a: '\u0001'.repeat(3_000_000) }],
  ['characters of several bytes', { a: `x${'é€😀'.repeat(200_000)}` }, { a: `x${'é€😀'.repeat(200_000)}` }],
  [
    'bytes',
    { a: new Binary(Buffer.alloc(2_000_001, 'abc')) },
    { a: Buffer.alloc(2_000_001, 'abc').toString('base64') },
  ],
  ['numbers', { a: Array(200_000).fill(0.1 + 0.2) }, { a: Array(200_000).fill(0.1 + 0.2) }],
]

test.each(largeValues)(
  'B1 a large document of %s is encoded like a small one and leaves no state behind',
  (_what, document, wanted) => {
    const bson = serialize(document)
    expect(bson.length).toBeGreaterThan(1_100_000)
    const json = encodeJson(bson)
    expect(json.toString() === JSON.stringify(wanted)).toBe(true)
    expect(json.buffer.byteLength).toBe(json.length)
    expect(jsonOf({ b: 1 })).toBe('{"b":1}')
  },
)
