import { isValidId, type IdType } from '@freshet/protocol'

type Schema = Readonly<Record<string, unknown>>

/** A place of a schema by which no id fits, what is wanted there, and what it has. */
export interface IdFault {
  readonly pointer: string
  readonly wanted: string
  readonly got: unknown
}

/** The shortest and the longest id of each type, and others that formats may tell apart. */
const samples: Readonly<Record<IdType, readonly string[]>> = {
  string: ['a', 'a'.repeat(256)],
  objectid: ['0123456789abcdef01234567'],
  integer: ['0', '-9007199254740991', '1234'],
  uuid: ['0198c0de-0000-7000-8000-000000000000'],
}

/** Words that judge an id by its length or form; the form of an id of letters may be any. */
const formWords: Readonly<Record<IdType, readonly string[]>> = {
  string: ['minLength', 'maxLength'],
  objectid: ['minLength', 'maxLength', 'format'],
  integer: ['minLength', 'maxLength', 'format'],
  uuid: ['minLength', 'maxLength', 'format'],
}

/** Whether a text fits a schema that is known to be one. */
export type Fits = (schema: Schema, text: string) => boolean

/**
 * Where a schema refuses every `id` that a collection of this type can have, so that no document could ever be written;
 * `undefined`: it is not known to. Ids are texts in JSON, whatever they are stored as. Looked at is what holds for all
 * documents: `properties`, `patternProperties`, `additionalProperties`, and what `allOf` and `$ref` of the file add.
 */
export function idFault(root: Schema, idType: IdType, fits: Fits): IdFault | undefined {
  for (const [pointer, schema] of alwaysOf(root, root, ''))
    for (const [at, id] of idSchemasOf(schema, pointer))
      for (const [place, one] of alwaysOf(root, id, at)) {
        const fault = faultOf(one, place, idType, fits)
        if (fault !== undefined) return fault
      }
  return undefined
}

/** A schema and what it always asks for as well, by their pointers. */
function* alwaysOf(
  root: Schema,
  schema: unknown,
  pointer: string,
  seen = new Set<unknown>(),
): Generator<readonly [string, unknown]> {
  if (seen.has(schema)) return
  seen.add(schema)
  yield [pointer, schema]
  if (!isObject(schema)) return
  const { allOf, $ref } = schema
  for (const [index, part] of (Array.isArray(allOf) ? allOf : []).entries())
    yield* alwaysOf(root, part, `${pointer}/allOf/${index}`, seen)
  if (typeof $ref !== 'string' || !$ref.startsWith('#/')) return
  const steps = $ref.slice(2).split('/')
  const target = steps.reduce<unknown>(
    (at, step) => (isObject(at) ? at[step.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined),
    root,
  )
  if (target !== undefined) yield* alwaysOf(root, target, $ref.slice(1), seen)
}

/** What an object's schema asks of its member `id`. */
function* idSchemasOf(schema: unknown, pointer: string): Generator<readonly [string, unknown]> {
  if (!isObject(schema)) return
  const { properties, patternProperties, additionalProperties } = schema
  let named = false
  if (isObject(properties) && Object.hasOwn(properties, 'id')) {
    named = true
    yield [`${pointer}/properties/id`, properties['id']]
  }
  for (const [pattern, inner] of Object.entries(isObject(patternProperties) ? patternProperties : {})) {
    if (!new RegExp(pattern, 'u').test('id')) continue
    named = true
    yield [`${pointer}/patternProperties/${pattern}`, inner]
  }
  if (!named && additionalProperties !== undefined)
    yield [`${pointer}/additionalProperties`, additionalProperties]
}

function faultOf(schema: unknown, pointer: string, idType: IdType, fits: Fits): IdFault | undefined {
  if (schema === false)
    return { pointer, wanted: "a schema that lets 'id' be: every document has one", got: false }
  if (!isObject(schema)) return undefined
  const { type, const: only, enum: choices } = schema
  if (type !== undefined && type !== 'string' && !(Array.isArray(type) && type.includes('string')))
    return {
      pointer: `${pointer}/type`,
      wanted: `"string", since an id is a string in JSON whatever 'x-id' says`,
      got: type,
    }
  const wanted = `something that an id of the type "${idType}" can be`
  const isId = (value: unknown): boolean => typeof value === 'string' && isValidId(idType, value)
  if (only !== undefined && !isId(only)) return { pointer: `${pointer}/const`, wanted, got: only }
  if (Array.isArray(choices) && !choices.some(isId))
    return { pointer: `${pointer}/enum`, wanted, got: choices }
  const word = formWords[idType].find(
    (name) =>
      schema[name] !== undefined &&
      !samples[idType].some((text) => fits({ type: 'string', [name]: schema[name] }, text)),
  )
  return word === undefined ? undefined : { pointer: `${pointer}/${word}`, wanted, got: schema[word] }
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
