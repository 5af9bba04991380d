import type { IdType, StoredNameFault } from '@freshet/protocol'
import type { Access, Collection } from './contract.ts'
import { CollectionFileError } from './errors.ts'
import { formatNames } from './formats.ts'
import { idFault } from './id-schema.ts'
import { ownKeys, type SchemaCompiler } from './schema-check.ts'

const namePattern = /^[a-z][a-z0-9_-]{0,62}$/

/** Freshet's own collections. */
const reservedNames = /^freshet(_.*)?$/

const idTypes = ['string', 'objectid', 'integer', 'uuid'] as const satisfies readonly IdType[]
const concurrencies = ['optional', 'required'] as const
/** From widest to narrowest; each includes the following. */
const accesses = ['public', 'authenticated'] as const satisfies readonly Access[]

type Json = Readonly<Record<string, unknown>>

/** Parses one collection file. `name` is the file's name without `.json`. @throws {CollectionFileError} BAD_FILE */
export function readCollectionFile(
  file: string,
  name: string,
  text: string,
  compiler: SchemaCompiler,
  storedNameFault: StoredNameFault,
): Collection {
  const fail = failing(file)
  if (!namePattern.test(name))
    fail('', `a file named after a collection (${namePattern.source})`, JSON.stringify(name))
  if (reservedNames.test(name)) fail('', 'a name that is not reserved', JSON.stringify(name))
  const schema = parse(text, fail)
  checkKeywords(schema, '', compiler, fail)
  const idType = choice(schema, 'x-id', idTypes, 'string', '/x-id', fail)
  const said = {
    name,
    stored: storedName(schema, name, storedNameFault, fail),
    idType,
    concurrency: choice(schema, 'x-concurrency', concurrencies, 'optional', '/x-concurrency', fail),
    access: accessOf(schema, fail),
  }
  const validate = compile(schema, compiler, fail)
  checkId(schema, idType, compiler, fail)
  return { ...said, validate }
}

/** Names in the database may contain capitals and dots; names in URLs may not. */
function storedName(schema: Json, name: string, storedNameFault: StoredNameFault, fail: Fail): string {
  const stored = 'x-collection' in schema ? schema['x-collection'] : name
  if (typeof stored !== 'string')
    return fail('/x-collection', 'the name of a collection in the database', JSON.stringify(stored))
  const fault = storedNameFault(stored)
  return fault === undefined ? stored : fail('/x-collection', fault, JSON.stringify(stored))
}

type Fail = (pointer: string, wanted: string, got: string) => never

function failing(file: string): Fail {
  return (pointer, wanted, got) => {
    throw new CollectionFileError(
      'BAD_FILE',
      `${file}${pointer && ` at ${pointer}`}: expected ${wanted}, got ${got}.`,
    )
  }
}

function parse(text: string, fail: Fail): Json {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    fail('', 'JSON', error instanceof Error ? error.message : String(error))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail('', 'a JSON object', typeof value)
  return value as Json
}

/** Keywords whose values are data and may contain any names. */
const dataKeywords: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples'])

/** Keywords whose values are schemas under arbitrary names. */
const namedSchemaKeywords: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'dependentSchemas',
  'dependentRequired',
])

/** Checks our own keywords (top level only), formats, and that patterns run in bounded time. Ajv checks the rest. */
function checkKeywords(schema: unknown, pointer: string, compiler: SchemaCompiler, fail: Fail): void {
  if (typeof schema !== 'object' || schema === null) return
  for (const [key, inner] of Object.entries(schema)) {
    const at = `${pointer}/${key}`
    const known = pointer === '' && ownKeys.some((own) => own === key)
    if (key.startsWith('x-') && !known)
      fail(at, `one of ${ownKeys.join(', ')}, at the top`, JSON.stringify(key))
    if (known || dataKeywords.has(key)) continue
    if (key === 'pattern' && typeof inner === 'string') checkPattern(inner, at, compiler, fail)
    if (key === 'format' && typeof inner === 'string' && !formatNames.includes(inner))
      fail(at, `one of the formats ${formatNames.join(', ')}`, JSON.stringify(inner))
    if (!namedSchemaKeywords.has(key) || Array.isArray(schema)) checkKeywords(inner, at, compiler, fail)
    else
      for (const [name, named] of Object.entries(inner ?? {})) {
        if (key === 'patternProperties') checkPattern(name, at, compiler, fail)
        checkKeywords(named, `${at}/${name}`, compiler, fail)
      }
  }
}

function checkPattern(source: string, pointer: string, compiler: SchemaCompiler, fail: Fail): void {
  const fault = compiler.patternFault(source)
  if (fault !== undefined) fail(pointer, fault, JSON.stringify(source))
}

/** Rejects a schema that no document can satisfy at startup, not at the first write. */
function checkId(schema: Json, idType: IdType, compiler: SchemaCompiler, fail: Fail): void {
  const fits = (part: object, id: string): boolean =>
    compiler.compile({ type: 'object', properties: { id: part } })({ id }).length === 0
  const fault = idFault(schema, idType, fits)
  if (fault !== undefined) fail(fault.pointer, fault.wanted, JSON.stringify(fault.got))
}

function objectAt(schema: Json, key: string, fail: Fail): Json {
  const value = key in schema ? schema[key] : {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail(`/${key}`, 'an object', JSON.stringify(value))
  return value as Json
}

function choice<const T extends string>(
  holder: Json,
  key: string,
  choices: readonly T[],
  fallback: T,
  pointer: string,
  fail: Fail,
): T {
  const value = key in holder ? holder[key] : fallback
  const found = choices.find((one) => one === value)
  return (
    found ?? fail(pointer, `one of ${choices.map((one) => `"${one}"`).join(', ')}`, JSON.stringify(value))
  )
}

/**
 * Parses the access rules. Whoever may write must be able to read: responses to writes contain the document, and every
 * rejection reveals something about stored data.
 */
function accessOf(schema: Json, fail: Fail): Collection['access'] {
  const given = objectAt(schema, 'x-access', fail)
  for (const key of Object.keys(given))
    if (key !== 'read' && key !== 'write') fail(`/x-access/${key}`, "'read' or 'write'", JSON.stringify(key))
  const read = choice(given, 'read', accesses, 'authenticated', '/x-access/read', fail)
  const write = choice(given, 'write', accesses, 'authenticated', '/x-access/write', fail)
  if (accesses.indexOf(write) < accesses.indexOf(read))
    fail(
      '/x-access',
      'read access for everybody with write access, since responses to writes reveal stored data',
      JSON.stringify({ read, write }),
    )
  return { read, write }
}

function compile(schema: Json, compiler: SchemaCompiler, fail: Fail): Collection['validate'] {
  try {
    return compiler.compile(schema)
  } catch (error) {
    return fail('', 'a JSON Schema (2020-12)', error instanceof Error ? error.message : String(error))
  }
}
