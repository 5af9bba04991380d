import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { loadCollections } from '../src/index.ts'

/** A folder with these files, gone at the end. */
async function folderOf(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'collections-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('B16 reads what a file says, with its defaults', async () => {
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
      'x-query': ['price'],
    }),
    'notes.txt': 'not a collection',
  })
  const collections = await loadCollections(folder.path)
  expect([...collections.keys()]).toEqual(['full', 'plain'])
  expect(collections.get('plain')).toMatchObject({
    idType: 'string',
    concurrency: 'optional',
    access: { read: 'authenticated', write: 'authenticated' },
    queryFields: [],
  })
  expect(collections.get('full')).toMatchObject({
    idType: 'uuid',
    concurrency: 'required',
    access: { read: 'public', write: 'authenticated' },
    queryFields: ['price'],
  })
  expect(collections.get('plain')?.validate({ price: 19.99 })).toEqual([])
  expect(collections.get('plain')?.validate({ price: 'x' })).toEqual([
    { pointer: '/price', detail: 'must be number' },
  ])
})

test('B17 tells at most ten issues', async () => {
  const schema = { type: 'object', additionalProperties: { type: 'number' } }
  await using folder = await folderOf({ 'a.json': JSON.stringify(schema) })
  const issues = (await loadCollections(folder.path))
    .get('a')
    ?.validate(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, 'x'])))
  expect(issues).toHaveLength(10)
})

test('B17 of a large document the first issue is enough: all of them would cost more than the document', async () => {
  const schema = { type: 'object', properties: { list: { type: 'array', items: { type: 'number' } } } }
  await using folder = await folderOf({ 'a.json': JSON.stringify(schema) })
  const collection = (await loadCollections(folder.path)).get('a')
  const wrong = (count: number): readonly unknown[] | undefined =>
    collection?.validate({ list: Array.from({ length: count }, () => 'x') })
  expect(wrong(900)).toHaveLength(10)
  expect(wrong(200_000)).toEqual([{ pointer: '/list/0', detail: 'must be number' }])
  expect(collection?.validate({ list: Array.from({ length: 200_000 }, (_, n) => n) })).toEqual([])
})

test.each<[string, string, string, RegExp]>([
  ['no JSON', 'a.json', '{', /a\.json: expected JSON, got/],
  ['no object', 'a.json', '[]', /a\.json: expected a JSON object, got/],
  ['a bad name', 'Products.json', '{}', /expected a file named after a collection .*, got "Products"/],
  ['a reserved name', 'freshet.json', '{}', /a name that is not reserved, got "freshet"/],
  ['a bad id type', 'a.json', '{"x-id":"int"}', /at \/x-id: expected one of "string", .*, got "int"/],
  ['an unknown key', 'a.json', '{"x-acess":{}}', /at \/x-acess: expected one of x-id, .*, got "x-acess"/],
  ['a known key too deep', 'a.json', '{"items":{"x-id":"string"}}', /at \/items\/x-id: /],
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
  [
    'a query field that may be missing',
    'a.json',
    '{"x-query":["p"],"properties":{"p":{"type":"string"}}}',
    /at \/x-query\/0: expected a field that is required, got "p"/,
  ],
  [
    'a query field of two types',
    'a.json',
    '{"x-query":["p"],"required":["p"],"properties":{"p":{"type":["string","null"]}}}',
    /at \/x-query\/0: expected a field with one scalar 'type', got \["string","null"\]/,
  ],
  ['a misspelt keyword', 'a.json', '{"requird":["p"]}', /expected a JSON Schema \(2020-12\), got .*requird/],
])(
  'B16 refuses %s, and names file, place, what it wants and what it got',
  async (_name, file, text, message) => {
    await using folder = await folderOf({ [file]: text })
    await expect(loadCollections(folder.path)).rejects.toThrow(message)
  },
)

test('B16 refuses a folder that is not there, and one without files', async () => {
  await expect(loadCollections('/nowhere/at/all')).rejects.toMatchObject({ code: 'UNREADABLE' })
  await using folder = await folderOf({})
  await expect(loadCollections(folder.path)).rejects.toThrow(/expected at least one file/)
})
