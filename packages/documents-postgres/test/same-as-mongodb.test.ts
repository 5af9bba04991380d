import { expect, test } from '@jest/globals'
import { BodyError, type DocumentCodec, type PatchFormat } from '@freshet/documents'
import { mongodbCodec } from '@freshet/documents-mongodb'
import * as fc from 'fast-check'
import { postgresCodec } from '../src/index.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

/** What a client gets: the JSON, or the problem with its place. */
function outcome(work: () => string): string {
  try {
    return work()
  } catch (error) {
    if (error instanceof BodyError) return `${error.code} at '${error.pointer}'`
    throw error
  }
}

const codecs = [mongodbCodec, postgresCodec]

function storedOf({ readDocument, encode }: DocumentCodec, body: string): string {
  return outcome(() => encode(readDocument(Buffer.from(body)).toStored('string', 'k')).json.toString())
}

function patched(codec: DocumentCodec, body: string, format: PatchFormat, patch: string): string {
  return outcome(() => {
    const stored = codec.readDocument(Buffer.from(body)).toStored('string', 'k')
    const { apply } = codec.readPatch(format, Buffer.from(patch))
    return codec.encode(apply(stored, { id: 'k', lenient: false })).json.toString()
  })
}

const name = fc.constantFrom('a', 'b', 'c', '1', '0', 'ä', 'id', 'x"y', 'long name', '$a', 'a.b', '_id', '')
const scalar = fc.oneof(
  fc.constantFrom(null, true, false, 0, -0, 1e21, 1e-7, 5e-324, 1.5, 2 ** 53, 'x', '', '\n\u2028"\\', '😀'),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.dictionary(name, tie('value'), { maxKeys: 4 }),
}))
const object = fc.dictionary(name, value, { maxKeys: 5 })
const fine = object.map((one) =>
  JSON.parse(JSON.stringify(one, (key, inner) => (/[$.]|_id/.test(key) ? undefined : inner))),
)

test('J1 random bodies are stored and shown as by MongoDB', () => {
  fc.assert(
    fc.property(object, (body) => {
      const [theirs, ours] = codecs.map((codec) => storedOf(codec, JSON.stringify(body)))
      expect(ours).toBe(theirs)
    }),
    { seed, numRuns: 1_000 },
  )
})

test.each([
  ' {"a" : [1.0, 1e2,-0.0 ,5e-1] , "b":"\\u00e4\\ud83d\\ude00\\/" }\n',
  '{"n":1.50,"m":100000000000000000000.0,"e":1E+2}',
  '{"n":9007199254740993}',
  '{"n":9007199254740994}',
  '{"n":-9007199254740992}',
  '{"n":9007199254740993.0}',
  '{"n":1e400}',
  '{"n":1e-400}',
  '{"n":1e300}',
  '{"a":1,"b":{"c":[{"d":1,"d":2}]}}',
  '{"a":1,"\\u0061":2}',
  '{"__proto__":1}',
  '{"a":{"constructor":1}}',
  '{"a":{"_id":1}}',
  '{"_id":1}',
  '{"id":"k","a":{"id":1}}',
  '{"a":"\\ud800"}',
  '{"a\\u0000":1}',
  '{"a":1',
  '[1]',
  '"x"',
  'null',
  `${'{"a":'.repeat(64)}1${'}'.repeat(64)}`,
  `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`,
  JSON.stringify(Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`n${n}`, n]))),
  JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`n${n}`, n]))),
])('J1 the body %s is treated as by MongoDB', (body) => {
  const [theirs, ours] = codecs.map((codec) => storedOf(codec, body))
  expect(ours).toBe(theirs)
})

test('J1 a string with NUL is refused', () => {
  expect(storedOf(postgresCodec, '{"a":["\\u0000"]}')).toBe("bad-text at '/a/0'")
})

test('J2 random merge patches give what MongoDB gives', () => {
  fc.assert(
    fc.property(fine, object, (body, patch) => {
      const [theirs, ours] = codecs.map((codec) =>
        patched(codec, JSON.stringify(body), 'merge', JSON.stringify(patch)),
      )
      expect(ours).toBe(theirs)
    }),
    { seed, numRuns: 1_000 },
  )
})

const pointer = fc
  .array(fc.oneof(fc.constantFrom('a', 'b', '0', '1', '-', 'c', 'id', '01'), name), { maxLength: 3 })
  .map((path) => path.map((one) => `/${one.replaceAll('/', '~1')}`).join(''))
const operation = fc.record(
  {
    op: fc.constantFrom('add', 'replace', 'remove', 'move', 'copy', 'test', 'no'),
    path: fc.oneof(pointer, fc.constant('a~2')),
    from: pointer,
    value: fc.oneof(value, fine),
  },
  { requiredKeys: ['op'] },
)

test('J2 random JSON patches give what MongoDB gives, with the same refusal at the same operation', () => {
  fc.assert(
    fc.property(fine, fc.array(operation, { maxLength: 4 }), (body, patch) => {
      const [theirs, ours] = codecs.map((codec) =>
        patched(codec, JSON.stringify(body), 'json', JSON.stringify(patch)),
      )
      expect(ours).toBe(theirs)
    }),
    { seed, numRuns: 1_000 },
  )
})
