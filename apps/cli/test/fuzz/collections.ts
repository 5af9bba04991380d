import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadCollections, type Collection } from '@freshet/documents'

/** The subset of JSON Schema that the fuzz collections use. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly format?: 'date-time'
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly multipleOf?: number
  readonly items?: Schema
  readonly maxItems?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
}

const everybody = { 'x-access': { read: 'public', write: 'public' } } as const

/** In addition to the sample collections: every id type, every kind of rule, and schemaless documents. */
const ours = {
  parts: {
    'x-id': 'integer',
    ...everybody,
    type: 'object',
    required: ['id', 'size'],
    properties: {
      id: { type: 'string' },
      size: { type: 'number', multipleOf: 0.01, minimum: -1_000, maximum: 1_000 },
      code: { type: 'string', pattern: '^[A-Z]{2}-[0-9]{3}$', maxLength: 6 },
    },
    additionalProperties: false,
  },
  meters: {
    'x-id': 'uuid',
    'x-concurrency': 'required',
    type: 'object',
    required: ['id', 'at'],
    properties: {
      id: { type: 'string' },
      at: { type: 'string', format: 'date-time' },
      note: { type: ['string', 'null'], maxLength: 30 },
      labels: { type: 'object', additionalProperties: { type: 'string', maxLength: 10 } },
      values: {
        type: 'array',
        maxItems: 8,
        items: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } },
      },
    },
  },
  devices: { 'x-id': 'objectid', ...everybody, type: 'object' },
} as const

/** A collection as the services load it, and its file. */
export interface FuzzCollection {
  readonly collection: Collection
  readonly schema: Schema
}

/** The collections, and the directory of their files, which is deleted at the end. */
export interface FuzzCollections extends AsyncDisposable {
  readonly folder: string
  readonly all: readonly FuzzCollection[]
}

export async function makeCollections(): Promise<FuzzCollections> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-fuzz-'))
  const sample = join(import.meta.dirname, '../../../../collections')
  const schemas = new Map<string, Schema>(Object.entries(ours))
  for (const name of ['orders', 'products'])
    schemas.set(name, JSON.parse(await readFile(join(sample, `${name}.json`), 'utf8')))
  for (const [name, schema] of schemas) await writeFile(join(folder, `${name}.json`), JSON.stringify(schema))
  const loaded = await loadCollections(folder)
  const all = [...loaded.values()].map((collection) => ({
    collection,
    schema: schemas.get(collection.name) ?? {},
  }))
  return { folder, all, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}
