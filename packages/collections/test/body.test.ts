import { expect, test } from '@jest/globals'
import { deserialize, Long, serialize } from 'bson'
import * as fc from 'fast-check'
import { readArrayBody, readBody, toStored } from '../src/index.ts'
import { presentJson } from '../src/present-json.ts'

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
  ['a text that is no JSON', '{"a":}', 'malformed-body', ''],
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
  ['a key twice', '{"x":{"a":1,"b":2,"a":3}}', 'duplicate-key', '/x/a'],
  ['a key twice, once in disguise', '{"a":1,"\\u0061":2}', 'duplicate-key', '/a'],
  ['an integer beyond 2^53', '{"a":[1,9007199254740993]}', 'inexact-number', '/a/1'],
  ['a negative one', '{"a":-9007199254740993}', 'inexact-number', '/a'],
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
  ['a name to be escaped in the pointer', '{"a/b~":{"$x":1}}', 'forbidden-name', '/a~1b~0/$x'],
])('refuses %s, and says where', (_name, text, code, pointer) => {
  expect(refusal(text)).toMatchObject({ code, pointer })
})

test('refuses bytes that are no UTF-8', () => {
  expect(refusal(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toMatchObject({ code: 'bad-text' })
})

test('takes what is just within the limits', () => {
  const deep = `${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`
  const wide = `{${Array.from({ length: 1_000 }, (_, n) => `"k${n}":1`).join(',')}}`
  const odd = '{"a":9007199254740992,"b":-9007199254740992,"c":{"_id":1,"$":{}},"d":"\\ud83d\\ude00","":1}'
  for (const text of [deep, wide]) expect(refusal(text)).toBeUndefined()
  expect(refusal(odd)).toMatchObject({ code: 'forbidden-name', pointer: '/c/$' })
  expect(refusal(odd.replace('"$"', '"x"'))).toBeUndefined()
})

test('an array body is read too', () => {
  const { json, bson } = readArrayBody(Buffer.from('[{"op":"test"},2]'))
  expect(json).toEqual([{ op: 'test' }, 2])
  expect(deserialize(bson)).toEqual({ 0: { op: 'test' }, 1: 2 })
  expect(() => readArrayBody(Buffer.from('{}'))).toThrow(/malformed-body/)
})

test('numbers are stored by their value: int, long, double', () => {
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
    // Written without an exponent these are integers that are not exact.
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

/** JSON with the names in their order, which objects would not keep. */
function textOf(value: unknown): string {
  if (value instanceof Map)
    return `{${[...value].map(([name, inner]) => `${JSON.stringify(name)}: ${textOf(inner)}`).join(' ,')}}`
  if (Array.isArray(value)) return `[ ${value.map(textOf).join(', ')}]`
  return JSON.stringify(value === 0 ? 0 : value)
}

test(`what is read, stored and shown is what came, in its order (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 8 }), fc.nat(8), (pairs, place) => {
      const members = new Map(pairs)
      const before = [...members].slice(0, place)
      const body = new Map<string, unknown>([...before, ['id', 'k1'], ...[...members].slice(place)])
      const stored = toStored(readBody(Buffer.from(` ${textOf(body)}\n`)), 'string', 'k1')
      expect(deserialize(stored)['_id']).toBe('k1')
      const wanted = textOf(new Map<string, unknown>([['id', 'k1'], ...members]))
      const shown = presentJson(stored).toString('utf8')
      // White space apart, and texts that JSON may write in two ways.
      expect(canonical(shown)).toBe(canonical(wanted))
    }),
    { seed, numRuns: 3_000 },
  )
})

/** Without white space between tokens, and with every text written in one way. */
function canonical(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (token) =>
    token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : '',
  )
}

test('ids of every type lead the document', () => {
  const body = readBody(Buffer.from('{"n":1,"id":"ignored"}'))
  for (const [idType, id] of [
    ['string', 'a'],
    ['objectid', '64b5f0c2a1b2c3d4e5f60718'],
    ['integer', '-5000000000'],
    ['integer', '7'],
    ['uuid', '01890a5d-ac96-774b-bcce-b302099a8057'],
  ] as const) {
    const wanted = idType === 'integer' ? id : `"${id}"`
    expect(presentJson(toStored(body, idType, id)).toString()).toBe(`{"id":${wanted},"n":1}`)
  }
  expect(() => toStored(body, 'objectid', 'nonsense')).toThrow(RangeError)
  expect(toStored(readBody(Buffer.from('{}')), 'string', 'a')).toEqual(Buffer.from(serialize({ _id: 'a' })))
})
