import { isValidId, type IdType } from '@freshet/protocol'

type Schema = Readonly<Record<string, unknown>>

/** A place in a schema that rejects every id, what was expected there and what was found. */
export interface IdFault {
  readonly pointer: string
  readonly wanted: string
  readonly got: unknown
}

/** The shortest and longest id of each type, and others that formats may distinguish. */
const samples: Readonly<Record<IdType, readonly string[]>> = {
  string: ['a', 'a'.repeat(256)],
  objectid: ['0123456789abcdef01234567'],
  integer: ['0', '-9007199254740991', '1234'],
  uuid: ['0198c0de-0000-7000-8000-000000000000'],
}

/** Keywords that constrain an id's length or form. String ids may have any form. */
const formKeywords: Readonly<Record<IdType, readonly string[]>> = {
  string: ['minLength', 'maxLength'],
  objectid: ['minLength', 'maxLength', 'format'],
  integer: ['minLength', 'maxLength', 'format'],
  uuid: ['minLength', 'maxLength', 'format'],
}

/** Whether a string satisfies a valid schema. */
export type Fits = (schema: Schema, text: string) => boolean

/**
 * Finds a place where a schema rejects every possible `id` of the collection's type, so that no document could be
 * written; `undefined` if none is found. Ids are strings in JSON, whatever their stored type. Considers only what
 * applies to all documents: `properties`, `patternProperties`, `additionalProperties`, and what `allOf` and local
 * `$ref` add.
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

/** A schema and the schemas it always includes, with their pointers. */
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

/** The schemas that an object schema applies to its member `id`. */
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
    return { pointer, wanted: "a schema that allows 'id', which every document has", got: false }
  if (!isObject(schema)) return undefined
  const { type, const: only, enum: choices } = schema
  if (type !== undefined && type !== 'string' && !(Array.isArray(type) && type.includes('string')))
    return {
      pointer: `${pointer}/type`,
      wanted: `"string", since an id is a string in JSON whatever 'x-id' says`,
      got: type,
    }
  const wanted = `something that an id of type "${idType}" can satisfy`
  const isId = (value: unknown): boolean => typeof value === 'string' && isValidId(idType, value)
  if (only !== undefined && !isId(only)) return { pointer: `${pointer}/const`, wanted, got: only }
  if (Array.isArray(choices) && !choices.some(isId))
    return { pointer: `${pointer}/enum`, wanted, got: choices }
  const word = formKeywords[idType].find(
    (name) =>
      schema[name] !== undefined &&
      !samples[idType].some((text) => fits({ type: 'string', [name]: schema[name] }, text)),
  )
  return word === undefined ? undefined : { pointer: `${pointer}/${word}`, wanted, got: schema[word] }
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
