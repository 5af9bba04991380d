import { expect, test } from '@jest/globals'
import { loadCollections, type Issue, type JsonObject, type JsonValue } from '../src/index.ts'
import { folderOf } from './support/folder-of.ts'

test('B16 parses a file and applies defaults', async () => {
  const schema = {
    type: 'object',
    required: ['price'],
    properties: { price: { type: 'number', multipleOf: 0.01 } },
  }
  await using folder = await folderOf({
    'plain.json': JSON.stringify(schema),
    'full.json': JSON.stringify({
      ...schema,
      'x-id': 'uuid',
      'x-concurrency': 'required',
      'x-access': { read: 'public' },
    }),
    'notes.txt': 'not a collection',
  })
  const collections = await loadCollections(folder.path)
  expect([...collections.keys()]).toEqual(['full', 'plain'])
  expect(collections.get('plain')).toMatchObject({
    idType: 'string',
    concurrency: 'optional',
    access: { read: 'authenticated', write: 'authenticated' },
  })
  expect(collections.get('full')).toMatchObject({
    idType: 'uuid',
    concurrency: 'required',
    access: { read: 'public', write: 'authenticated' },
  })
  expect(collections.get('plain')?.validate({ price: 19.99 })).toEqual([])
  expect(collections.get('plain')?.validate({ price: 'x' })).toEqual([
    { pointer: '/price', detail: 'must be number' },
  ])
})

test.each([
  ['said', { read: 'authenticated', write: 'public' }],
  ['by default', { write: 'public' }],
])('B16 a file that grants write access without read access is rejected: %s', async (_, access) => {
  await using folder = await folderOf({ 'a.json': JSON.stringify({ type: 'object', 'x-access': access }) })
  await expect(loadCollections(folder.path)).rejects.toThrow(
    /a\.json at \/x-access: expected read access for everybody with write access, .* got \{"read":"authenticated","write":"public"\}/,
  )
})

test.each([
  { read: 'public', write: 'public' },
  { read: 'public', write: 'authenticated' },
  { read: 'authenticated', write: 'authenticated' },
  { read: 'public' },
  {},
])('B16 every other access rule is accepted: %j', async (access) => {
  await using folder = await folderOf({ 'a.json': JSON.stringify({ type: 'object', 'x-access': access }) })
  const authenticated = { read: 'authenticated', write: 'authenticated' }
  expect((await loadCollections(folder.path)).get('a')?.access).toEqual({ ...authenticated, ...access })
})

test('B17 reports at most ten issues', async () => {
  const schema = { type: 'object', properties: { id: true }, additionalProperties: { type: 'number' } }
  await using folder = await folderOf({ 'a.json': JSON.stringify(schema) })
  const issues = (await loadCollections(folder.path))
    .get('a')
    ?.validate(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, 'x'])))
  expect(issues).toHaveLength(10)
})

test('B17 a large document gets only the first issue: collecting all would cost more than the document', async () => {
  const schema = { type: 'object', properties: { list: { type: 'array', items: { type: 'number' } } } }
  await using folder = await folderOf({ 'a.json': JSON.stringify(schema) })
  const collection = (await loadCollections(folder.path)).get('a')
  const wrong = (count: number): readonly unknown[] | undefined =>
    collection?.validate({ list: Array.from({ length: count }, () => 'x') })
  expect(wrong(900)).toHaveLength(10)
  expect(wrong(200_000)).toEqual([{ pointer: '/list/0', detail: 'must be number' }])
  expect(collection?.validate({ list: Array.from({ length: 200_000 }, (_, n) => n) })).toEqual([])
})

async function validatorOf(schema: object): Promise<(document: JsonObject) => readonly Issue[]> {
  await using folder = await folderOf({ 'a.json': JSON.stringify({ type: 'object', ...schema }) })
  const collection = (await loadCollections(folder.path)).get('a')
  if (collection === undefined) throw new Error('the collection was not read')
  return (document) => collection.validate(document)
}

test('B17 finds equal items in linear time: comparing pairs would take minutes', async () => {
  const validate = await validatorOf({ properties: { list: { type: 'array', uniqueItems: true } } })
  const list = Array.from({ length: 80_000 }, (_, n) => ({ n, a: [n, { b: 'x' }] }))
  expect(validate({ list })).toEqual([])
  expect(validate({ list: [...list, { a: [7, { b: 'x' }], n: 7 }] })).toEqual([
    { pointer: '/list', detail: 'must NOT have items that are equal (items 7 and 80000 are)' },
  ])
})

test('B18 items are compared with the equality of JSON Schema', async () => {
  const validate = await validatorOf({
    properties: { list: { type: 'array', uniqueItems: true }, any: { type: 'array', uniqueItems: false } },
  })
  const equal: readonly (readonly [JsonValue, JsonValue])[] = [
    [
      { a: 1, b: [2] },
      { b: [2], a: 1 },
    ],
    [0, -0],
    [1, JSON.parse('1.0')],
    ['a', 'a'],
    [null, null],
    [[], []],
  ]
  for (const list of equal) expect(validate({ list: [...list] })).toHaveLength(1)
  for (const list of equal) expect(validate({ any: [...list] })).toEqual([])
  const different: readonly JsonValue[] = [
    1,
    '1',
    true,
    'true',
    null,
    'null',
    [],
    {},
    [[]],
    { a: [] },
    { a: {} },
    '[]',
  ]
  expect(validate({ list: [...different] })).toEqual([])
})

test.each<[number, readonly number[], readonly number[]]>([
  [0.01, [19.99, 0, -0.07, 4.35, 1e21, 123456789012.34], [19.990000001, 1e-9, 0.001, 5e-324, -0.015]],
  [0.1, [0.3, 0.7, 12], [0.35]],
  [3, [9, 0, -3, 3e20], [1, 0.3, 1e20]],
  [1e-7, [1e-7, 3e-7, 1], [1.5e-7, 1e-8]],
  [2.5, [5, 7.5, 1e300], [1, 6, 2.4999999999999996]],
])('B18 multiples of %d are determined exactly', async (multipleOf, multiples, others) => {
  const validate = await validatorOf({ properties: { n: { type: 'number', multipleOf } } })
  for (const n of multiples) expect([n, validate({ n })]).toEqual([n, []])
  for (const n of others)
    expect([n, validate({ n })]).toEqual([
      n,
      [{ pointer: '/n', detail: `must be multiple of ${multipleOf}` }],
    ])
})

test('B16 does not treat data or arbitrary names as keywords', async () => {
  const data = { 'x-a': 1 }
  const schema = {
    properties: { 'x-b': { default: data, examples: [data], enum: [data, 1] } },
    patternProperties: { '^x-p': { const: data } },
    dependentRequired: { 'x-c': ['x-b'] },
    dependentSchemas: { 'x-d': true },
    $defs: {
      'x-e': { type: 'object', properties: { default: { type: 'object', properties: { 'x-f': true } } } },
    },
  }
  await expect(validatorOf(schema)).resolves.toBeDefined()
  await expect(validatorOf({ properties: { default: { 'x-a': 1 } } })).rejects.toThrow(
    /\/properties\/default\/x-a/,
  )
})

test.each<[string, string, string, RegExp]>([
  ['no JSON', 'a.json', '{', /a\.json: expected JSON, got/],
  ['no object', 'a.json', '[]', /a\.json: expected a JSON object, got/],
  ['a bad name', 'Products.json', '{}', /expected a file named after a collection .*, got "Products"/],
  ['a reserved name', 'freshet.json', '{}', /a name that is not reserved, got "freshet"/],
  ['no access at all', 'a.json', '{"x-access":null}', /at \/x-access: expected an object, got null/],
  ['no reader', 'a.json', '{"x-access":{"read":null}}', /at \/x-access\/read: expected one of .*, got null/],
  [
    'a pattern that looks around',
    'a.json',
    '{"type":"object","properties":{"a":{"type":"string","pattern":"^(?=.*\\\\d)"}}}',
    /at \/properties\/a\/pattern: expected a pattern without look-around, .*, got "\^\(\?=/,
  ],
  [
    'a pattern of names that refers back',
    'a.json',
    '{"type":"object","patternProperties":{"(a)\\\\1":true}}',
    /at \/patternProperties: expected a pattern without back-references, .*, got "\(a\)/,
  ],
  [
    'a pattern that counts too far, in a definition',
    'a.json',
    '{"type":"object","$defs":{"x":{"anyOf":[{"type":"string","pattern":"^.{1,20000}$"}]}}}',
    /at \/\$defs\/x\/anyOf\/0\/pattern: expected a pattern with at most 10000 states/,
  ],
  ['no id type', 'a.json', '{"x-id":null}', /at \/x-id: expected one of .*, got null/],
  ['a bad id type', 'a.json', '{"x-id":"int"}', /at \/x-id: expected one of "string", .*, got "int"/],
  ['an unknown key', 'a.json', '{"x-acess":{}}', /at \/x-acess: expected one of x-id, .*, got "x-acess"/],
  [
    'an unknown right',
    'a.json',
    '{"x-access":{"delete":"public"}}',
    /at \/x-access\/delete: expected 'read' or 'write'/,
  ],
  [
    'a rule that does not exist',
    'a.json',
    '{"x-access":{"read":"owner:/o"}}',
    /at \/x-access\/read: expected one of "public", "authenticated", got "owner:\/o"/,
  ],
  ['a misspelt keyword', 'a.json', '{"requird":["p"]}', /expected a JSON Schema \(2020-12\), got .*requird/],
])(
  'B16 rejects %s with file, pointer, what was expected and what was found',
  async (_name, file, text, message) => {
    await using folder = await folderOf({ [file]: text })
    await expect(loadCollections(folder.path)).rejects.toThrow(message)
  },
)

test('B16 ignores hidden files, such as those of macOS and editors', async () => {
  const hidden = ['._plain.json', '.#plain.json', '.hidden.json', '.json']
  const file = JSON.stringify({ type: 'object' })
  await using folder = await folderOf({
    'plain.json': file,
    ...Object.fromEntries(hidden.map((name) => [name, '\0\x05\x16\x07 no JSON'])),
  })
  expect([...(await loadCollections(folder.path)).keys()]).toEqual(['plain'])
  await using only = await folderOf({ '._plain.json': file })
  await expect(loadCollections(only.path)).rejects.toThrow(
    'expected at least one file named <collection>.json',
  )
})

test('B16 rejects a missing folder and one without files', async () => {
  await expect(loadCollections('/nowhere/at/all')).rejects.toMatchObject({ code: 'UNREADABLE' })
  await using folder = await folderOf({})
  await expect(loadCollections(folder.path)).rejects.toThrow(/expected at least one file/)
})
