import { expect, test } from '@jest/globals'
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  EJSON,
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
import { bsonOfExtendedJson } from '../src/extended-json.ts'

const shown = (text: string): string => encodeJson(bsonOfExtendedJson(text)).toString()
const asStored = (document: object): string => encodeJson(serialize(document)).toString()

const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  int: fc.integer().map((value) => new Int32(value)),
  decimal: fc.constantFrom('1.10', '-0', 'NaN', 'Infinity', '1E+6000').map((v) => Decimal128.fromString(v)),
  text: fc.string({ unit: 'binary' }),
  boolean: fc.boolean(),
  null: fc.constant(null),
  date: fc.date({ noInvalidDate: true }),
  id: fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  uuid: fc.uuid().map((value) => new UUID(value)),
  binary: fc
    .tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 2, 3, 5, 0x80, 0xff))
    .map(([bytes, subtype]) => new Binary(Buffer.from(bytes), subtype)),
  regex: fc.constantFrom('a/b"', '\\d+', '').map((pattern) => new BSONRegExp(pattern, 'imx')),
  timestamp: fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
  code: fc.string().map((code) => new Code(code)),
  scope: fc.string().map((code) => new Code(code, { x: 1 })),
  symbol: fc.string().map((value) => new BSONSymbol(value)),
  least: fc.constant(new MinKey()),
  greatest: fc.constant(new MaxKey()),
}
const name = fc
  .string({ unit: 'binary' })
  .filter((text) => !text.includes('\0') && !text.startsWith('$') && text !== '__proto__')
/** @param relaxed the library rounds longs beyond 2^53 when it writes relaxed JSON, and has no form of some doubles. */
function documents(relaxed: boolean): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const most = 2n ** (relaxed ? 53n : 63n) - 1n
  const long = fc.bigInt({ min: -most, max: most }).map((value) => Long.fromBigInt(value))
  const double = fc
    .double()
    .filter(
      (value) =>
        !relaxed || (Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))),
    )
    .map((value) => new Double(value))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      long,
      double,
      ...Object.values(values),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  }))
  return fc.dictionary(name, value, { maxKeys: 6 })
}

test.each<[string, Parameters<typeof EJSON.stringify>[1]]>([
  ['2, canonical', { relaxed: false }],
  ['2, relaxed', { relaxed: true }],
  ['1, strict', { legacy: true }],
])('B25 a document is shown the same from its extended JSON of version %s', (_name, options) => {
  fc.assert(
    fc.property(documents(options?.relaxed !== false), (stored) => {
      expect(shown(EJSON.stringify(stored, options))).toBe(asStored(stored))
    }),
    { numRuns: 2_000 },
  )
})

test('B25 what Java writes is read: bare special numbers, its exponents, and escaped characters', () => {
  expect(
    shown(
      String.raw`{"_id": {"$oid": "64b7f3f3f3f3f3f3f3f3f3f3"},"nan": NaN,"inf": [-Infinity,Infinity],"zero": -0.0,"big": 1.0E300,` +
        String.raw`"small": 4.9E-324,"third": 0.30000000000000004,"long": {"$numberLong": "9007199254740993"},"id": 9007199254740993,` +
        String.raw`"date": {"$date": -62135596800001},"never": {"$date": 9223372036854775807},"re": {"$regex": "a\"b\\/c","$options": "is"},` +
        String.raw`"none": {"$undefined": true},"nones": [{"$undefined": true}],"s": "NaN 12345678901234567 \ud83d\ude00"}`,
    ),
  ).toBe(
    '{"id":"64b7f3f3f3f3f3f3f3f3f3f3","nan":"NaN","inf":["-Infinity","Infinity"],"zero":0,"big":1e+300,"small":5e-324,' +
      '"third":0.30000000000000004,"long":"9007199254740993","$id":"9007199254740993","date":"0000-12-31T23:59:59.999Z",' +
      String.raw`"never":"9223372036854775807","re":{"$regularExpression":{"pattern":"a\"b\\/c","options":"is"}},` +
      '"nones":[null],"s":"NaN 12345678901234567 😀"}',
  )
})

test('B25 names keep their order, whatever they are, and objects that only look like a type stay documents', () => {
  const text =
    String.raw`{"b":1,"10":2,"2":{"1":3,"0":4},"\uFFFF1":5,"1a":6,"__proto__":7,"constructor":8,"toString":{"valueOf":9},` +
    '"a":{"$oid":"x"},"c":{"$oid":"64b7f3f3f3f3f3f3f3f3f3f3","x":1},"d":{"$date":"x"},"e":{"$numberLong":5},' +
    '"f":{"$binary":1},"g":{"$minKey":2},"h":{"$timestamp":1},"i":{"$numberDecimal":"x"},"j":{"$undefined":1},"k":{"$code":1}}'
  expect(shown(text)).toBe(text.replace(String.raw`\uFFFF`, '\uFFFF'))
})

test.each(['[1]', '5', 'null', '"{}"', '{', ''])('B25 %p is refused', (text) => {
  expect(() => bsonOfExtendedJson(text)).toThrow(SyntaxError)
})

test.each([
  ['plain', 'x'],
  ['of escapes', '\\"'],
])('B25 a long text, %s, is a value like any other', (_name, text) => {
  const long = text.repeat(10_000_000)
  const json = `{"1" : "${long}", "0": {"$numberLong": "5"}}`
  expect(shown(json) === `{"1":"${long}","0":5}`).toBe(true)
})
