import { expect, test } from '@jest/globals'
import { loadCollections } from '../src/index.ts'
import { folderOf } from './support/folder-of.ts'

async function load(schema: object): Promise<ReturnType<typeof loadCollections>> {
  await using folder = await folderOf({ 'a.json': JSON.stringify({ type: 'object', ...schema }) })
  return await loadCollections(folder.path)
}

test.each<[string, object, string]>([
  ['integers', { 'x-id': 'integer', properties: { id: { type: 'integer' } } }, '/properties/id/type'],
  ['numbers', { properties: { id: { type: ['number', 'null'] } } }, '/properties/id/type'],
  ['objects', { 'x-id': 'objectid', properties: { id: { type: 'object' } } }, '/properties/id/type'],
  ['nothing', { properties: { id: false } }, '/properties/id'],
  ['one number', { 'x-id': 'integer', properties: { id: { const: 7 } } }, '/properties/id/const'],
  ['one text', { 'x-id': 'integer', properties: { id: { const: 'seven' } } }, '/properties/id/const'],
  ['some numbers', { 'x-id': 'integer', properties: { id: { enum: [7, 8] } } }, '/properties/id/enum'],
  [
    'another format',
    { 'x-id': 'objectid', properties: { id: { type: 'string', format: 'uuid' } } },
    '/properties/id/format',
  ],
  [
    'another length',
    { 'x-id': 'uuid', properties: { id: { type: 'string', maxLength: 32 } } },
    '/properties/id/maxLength',
  ],
  ['no more names', { properties: { n: {} }, additionalProperties: false }, '/additionalProperties'],
  ['all names alike', { additionalProperties: { type: 'number' } }, '/additionalProperties/type'],
  ['a pattern', { patternProperties: { '^i': { type: 'number' } } }, '/patternProperties/^i/type'],
  ['a part', { allOf: [{ properties: { id: { type: 'integer' } } }] }, '/allOf/0/properties/id/type'],
  [
    'a definition',
    { $defs: { key: { type: 'integer' } }, properties: { id: { $ref: '#/$defs/key' } } },
    '/$defs/key/type',
  ],
])('B23 a file that no document can satisfy is rejected: ids are %s', async (_, schema, pointer) => {
  const failed = await load(schema).then(
    () => 'taken',
    (error: unknown) => String(error),
  )
  expect(failed).toContain(`a.json at ${pointer}: expected `)
})

test('B23 the message says that ids are strings', async () => {
  await expect(load({ 'x-id': 'integer', properties: { id: { type: 'integer' } } })).rejects.toThrow(
    `expected "string", since an id is a string in JSON whatever 'x-id' says, got "integer".`,
  )
})

test.each<[object, string]>([
  [{}, 'a'],
  [{ properties: { id: true } }, 'a'],
  [{ properties: { id: { type: 'string', pattern: '^x', minLength: 2, maxLength: 9 } } }, 'xy'],
  [{ properties: { id: { type: ['string', 'integer'] } } }, 'a'],
  [{ 'x-id': 'integer', properties: { id: { type: 'string' } } }, '7'],
  [{ 'x-id': 'integer', properties: { id: { enum: [7, '7'] } } }, '7'],
  [
    { 'x-id': 'uuid', properties: { id: { type: 'string', format: 'uuid' } } },
    '0198c0de-0000-7000-8000-000000000000',
  ],
  [{ patternProperties: { '^id$': {} }, additionalProperties: false }, 'a'],
  [{ anyOf: [{ properties: { id: { type: 'integer' } } }, {}] }, 'a'],
  [
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { type: 'object', properties: { id: {} } } } },
    'a',
  ],
])('B23 negative control: a satisfiable file is accepted: %j', async (schema, id) => {
  expect((await load(schema)).get('a')?.validate({ id })).toEqual([])
})

test('B16 an unknown format is rejected with its pointer and the known formats', async () => {
  const properties = { mail: { type: 'string', format: 'emial' }, format: { type: 'string' } }
  await expect(load({ properties })).rejects.toThrow(
    /a\.json at \/properties\/mail\/format: expected one of the formats .*date-time, .*email, .*, got "emial"\.$/,
  )
})
