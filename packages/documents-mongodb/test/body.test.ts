import { expect, test } from '@jest/globals'
import { deserialize, Double, Long, serialize } from 'bson'
import * as fc from 'fast-check'
import { readArrayBody, readBody } from '../src/body.ts'
import { firstNotPlain } from '../src/not-plain.ts'
import { toStored } from '../src/body.ts'
import { encodeJson } from '../src/encode-json.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

function refusal(text: string | Uint8Array): unknown {
  try {
    readBody(typeof text === 'string' ? Buffer.from(text) : text)
  } catch (error) {
    return error
  }
  return undefined
}

test.each<[string, string, string, string]>([
  ['text that is not JSON', '{"a":}', 'malformed-body', ''],
  ['an empty body', '', 'malformed-body', ''],
  ['an array', '[1]', 'malformed-body', ''],
  ['a number', '7', 'malformed-body', ''],
  ['65 levels', `${'{"a":'.repeat(64)}{}${'}'.repeat(64)}`, 'malformed-body', '/a'.repeat(64)],
  [
    '65 levels of arrays',
    `{"a":${'['.repeat(64)}${']'.repeat(64)}}`,
    'malformed-body',
    `/a${'/0'.repeat(63)}`,
  ],
  [
    '1,001 keys',
    `{"o":{${Array.from({ length: 1_001 }, (_, n) => `"k${n}":1`).join(',')}}}`,
    'malformed-body',
    '/o',
  ],
  ['a duplicate key', '{"x":{"a":1,"b":2,"a":3}}', 'duplicate-key', '/x/a'],
  ['a duplicate key, one of them escaped', '{"a":1,"\\u0061":2}', 'duplicate-key', '/a'],
  ['an integer beyond 2^53', '{"a":[1,9007199254740993]}', 'inexact-number', '/a/1'],
  ['a negative integer beyond -2^53', '{"a":-9007199254740993}', 'inexact-number', '/a'],
  ['such an integer with a fraction', '{"a":9007199254740993.0}', 'inexact-number', '/a'],
  ['such an integer with an exponent', '{"a":-9007199254740993e0}', 'inexact-number', '/a'],
  ['such an integer as a scaled fraction', '{"a":0.9007199254740993E+16}', 'inexact-number', '/a'],
  ['a fraction beyond 2^53', '{"a":9007199254740992.5}', 'inexact-number', '/a'],
  ['more digits than a double has', '{"a":1.2345678901234567891e30}', 'inexact-number', '/a'],
  ['a number that overflows', '{"a":1e309}', 'inexact-number', '/a'],
  ['an integer of 400 digits', `{"a":${'9'.repeat(400)}}`, 'inexact-number', '/a'],
  ['a name with a dollar', '{"a":{"$set":1}}', 'forbidden-name', '/a/$set'],
  ['a name with a dot', '{"a.b":1}', 'forbidden-name', '/a.b'],
  ['a name with NUL', '{"a\\u0000b":1}', 'forbidden-name', '/a\0b'],
  ['__proto__', '{"a":[{"__proto__":1}]}', 'forbidden-name', '/a/0/__proto__'],
  ['__proto__ in disguise', '{"\\u005f_proto__":1}', 'forbidden-name', '/__proto__'],
  ['constructor', '{"constructor":1}', 'forbidden-name', '/constructor'],
  ['prototype', '{"prototype":1}', 'forbidden-name', '/prototype'],
  ['_id at the top', '{"_id":1}', 'forbidden-name', '/_id'],
  ['a lone surrogate', '{"a":"x\\ud800y"}', 'bad-text', '/a'],
  ['a lone surrogate in a name', '{"\\udfff":1}', 'bad-text', ''],
  ['a name that the pointer must escape', '{"a/b~":{"$x":1}}', 'forbidden-name', '/a~1b~0/$x'],
])('B4 rejects %s with a pointer', (_name, text, code, pointer) => {
  expect(refusal(text)).toMatchObject({ code, pointer })
})

test('B4 rejects bytes that are not UTF-8', () => {
  expect(refusal(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toMatchObject({ code: 'bad-text' })
})

test('B4 accepts bodies exactly at the limits', () => {
  const deep = `${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`
  const wide = `{${Array.from({ length: 1_000 }, (_, n) => `"k${n}":1`).join(',')}}`
  const odd = '{"a":9007199254740992,"b":-9007199254740992,"c":{"_id":1,"$":{}},"d":"\\ud83d\\ude00","":1}'
  for (const text of [deep, wide]) expect(refusal(text)).toBeUndefined()
  expect(refusal(odd)).toMatchObject({ code: 'forbidden-name', pointer: '/c/$' })
  expect(refusal(odd.replace('"$"', '"x"'))).toBeUndefined()
})

test('B4 array bodies are read as well', () => {
  const { json, bson } = readArrayBody(Buffer.from('[{"op":"test"},2]'))
  expect(json).toEqual([{ op: 'test' }, 2])
  expect(deserialize(bson)).toEqual({ 0: { op: 'test' }, 1: 2 })
  expect(() => readArrayBody(Buffer.from('{}'))).toThrow(/malformed-body/)
})

test('B6 the value of a number decides its type: int, long or double', () => {
  const { bson } = readBody(
    Buffer.from('{"a":1,"b":2147483648,"c":0.5,"d":5.0,"e":-0,"f":1e3,"g":-3000000000,"h":1e300}'),
  )
  const stored = deserialize(bson, { promoteValues: false })
  expect(Object.values(stored).map((value: object) => value.constructor.name)).toEqual([
    'Int32',
    'Long',
    'Double',
    'Int32',
    'Int32',
    'Int32',
    'Long',
    'Double',
  ])
  expect(stored['g']).toEqual(Long.fromNumber(-3_000_000_000))
})

const names = fc.oneof(
  fc
    .string({ unit: 'binary', maxLength: 6 })
    .filter((name) => !/^\$|[.\0]|^(?:__proto__|constructor|prototype|_id|id)$/.test(name)),
  fc.nat(30).map(String),
)
const numbers = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    // Without an exponent these are integers that are not exact.
    .filter((value) => Number.isSafeInteger(value) || !/^-?\d+$/.test(String(value))),
)
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    numbers,
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(names, tie('value')), { maxLength: 6 }).map((pairs) => new Map(pairs)),
  ),
}))

/** Serializes JSON in the original order, which objects would not keep. */
function textOf(value: unknown): string {
  if (value instanceof Map)
    return `{${[...value].map(([name, inner]) => `${JSON.stringify(name)}: ${textOf(inner)}`).join(' ,')}}`
  if (Array.isArray(value)) return `[ ${value.map(textOf).join(', ')}]`
  return JSON.stringify(value === 0 ? 0 : value)
}

test(`B5 a body reads back as it was sent, in its order (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 8 }), fc.nat(8), (pairs, place) => {
      const members = new Map(pairs)
      const before = [...members].slice(0, place)
      const body = new Map<string, unknown>([...before, ['id', 'k1'], ...[...members].slice(place)])
      const stored = toStored(readBody(Buffer.from(` ${textOf(body)}\n`)).bson, 'string', 'k1')
      expect(deserialize(stored)['_id']).toBe('k1')
      const wanted = textOf(new Map<string, unknown>([['id', 'k1'], ...members]))
      const shown = encodeJson(stored).toString('utf8')
      // Except for white space and alternative spellings of strings.
      expect(canonical(shown)).toBe(canonical(wanted))
    }),
    { seed, numRuns: 3_000 },
  )
})

/** Without white space between tokens, and with one spelling for every string. */
function canonical(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (token) =>
    token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : '',
  )
}

test('B2 ids of every type come first', () => {
  const body = readBody(Buffer.from('{"n":1,"id":"ignored"}'))
  for (const [idType, id] of [
    ['string', 'a'],
    ['objectid', '64b5f0c2a1b2c3d4e5f60718'],
    ['integer', '-5000000000'],
    ['integer', '7'],
    ['uuid', '01890a5d-ac96-774b-bcce-b302099a8057'],
  ] as const) {
    expect(encodeJson(toStored(body.bson, idType, id)).toString()).toBe(`{"id":"${id}","n":1}`)
  }
  expect(() => toStored(body.bson, 'objectid', 'nonsense')).toThrow(RangeError)
  expect(toStored(readBody(Buffer.from('{}')).bson, 'string', 'a')).toEqual(
    Buffer.from(serialize({ _id: 'a' })),
  )
})

test(`B6 every plain number can be sent back as shown and is still the same (seed ${seed})`, () => {
  const doubles = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: 2 ** 52, max: 2 ** 70, noNaN: true }).map(Math.round),
    fc.constantFrom(2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1e20, 1e21, 1e22, 1e23, Number.MAX_VALUE, 5e-324),
  )
  const longs = fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -2n, max: 2n }).map((n) => n + 2n ** 53n),
    )
    .map((value) => Long.fromBigInt(value))
  fc.assert(
    fc.property(
      fc.oneof(
        doubles.map((value) => new Double(value)),
        longs,
      ),
      (v) => {
        const stored = serialize({ _id: 'k', v })
        const shown = encodeJson(stored)
        const again = encodeJson(toStored(readBody(shown).bson, 'string', 'k'))
        expect(again.toString()).toBe(shown.toString())
        // Other numbers are shown as strings.
        expect(firstNotPlain(stored) === undefined).toBe(typeof JSON.parse(shown.toString()).v === 'number')
      },
    ),
    { seed, numRuns: 5_000 },
  )
})

test('B6 numbers beyond 2^53 are accepted if they read back as written', () => {
  for (const text of [
    '9007199254740992.0',
    '9007199254740994.0',
    '1e300',
    '1E+23',
    '-120.00e20',
    '9007199254740992e0',
  ])
    expect(refusal(`{"a":${text}}`)).toBeUndefined()
})

test.each(['1e-400', '-1e-400', '0.0000001e-320', '2.4703282292062327e-324', `0.${'0'.repeat(400)}1`])(
  'B6 a nonzero number is not stored as 0: %s',
  (text) => {
    expect(refusal(`{"a":${text}}`)).toMatchObject({ code: 'inexact-number', pointer: '/a' })
    expect(refusal(`{"a":[{"b":${text}}]}`)).toMatchObject({ code: 'inexact-number', pointer: '/a/0/b' })
  },
)

test('B6 the smallest double and every spelling of 0 are accepted', () => {
  for (const text of ['5e-324', '3e-324', '0', '-0', '0.0', '0e400', '0e-400', '-0.000e7', '0E1'])
    expect(refusal(`{"a":${text}}`)).toBeUndefined()
})

test('B7 2^53 is read, shown and plain; 2^53 + 1 is not', () => {
  for (const sign of ['', '-']) {
    const text = `{"a":${sign}9007199254740992}`
    const stored = toStored(readBody(Buffer.from(text)).bson, 'string', 'k')
    expect(deserialize(stored, { promoteValues: false })['a']).toEqual(
      Long.fromString(`${sign}9007199254740992`),
    )
    expect(encodeJson(stored).toString()).toBe(`{"id":"k","a":${sign}9007199254740992}`)
    expect(firstNotPlain(stored)).toBeUndefined()
    const beyond = serialize({ _id: 'k', a: Long.fromString(`${sign}9007199254740993`) })
    expect(encodeJson(beyond).toString()).toBe(`{"id":"k","a":"${sign}9007199254740993"}`)
    expect(firstNotPlain(beyond)).toBe('/a')
  }
})

test('B8 a stored document has one _id at the top and keeps those below', () => {
  const twice = Buffer.from(serialize({ id: 'a', _id: 1 }))
  expect(() => toStored(twice, 'string', 'a')).toThrow(/^forbidden-name at '\/_id'/)
  const stored = toStored(
    readBody(Buffer.from('{"a":{"_id":1,"id":2},"id":"a","b":[{"_id":3}]}')).bson,
    'string',
    'a',
  )
  expect(deserialize(stored)).toEqual({ _id: 'a', a: { _id: 1, id: 2 }, b: [{ _id: 3 }] })
})
