import * as fc from 'fast-check'
import type { JsonObject, JsonValue } from '@freshet/documents'
import type { Schema } from './collections.ts'

/** Larger numbers are refused because they could not be stored exactly. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER

const text = (minLength = 0, maxLength = 20): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, 20) })

const number = (min = -MAX_EXACT, max = MAX_EXACT): fc.Arbitrary<number> =>
  fc.double({ min, max: Math.min(max, MAX_EXACT), noNaN: true, noDefaultInfinity: true })

/** Field names that a body may have, including those that JavaScript objects treat specially. */
const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,8}$/),
  fc.nat(99).map(String),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
)

const mayBeName = (one: string): boolean => !/^\$|[.\0]|^(_?id|__proto__|constructor|prototype)$/.test(one)

const anyValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number(),
    text(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name.filter(mayBeName), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

const anyObject: fc.Arbitrary<JsonObject> = fc.dictionary(name.filter(mayBeName), anyValue, {
  maxKeys: 6,
  noNullPrototype: true,
})

/** Documents that match the schema, without their ids. */
export function documentsOf({ properties, required = [] }: Schema): fc.Arbitrary<JsonObject> {
  if (properties === undefined) return anyObject
  return fieldsOf(properties, required)
}

/** Values of any shape, as other programs might send them. */
export const strangeValues: fc.Arbitrary<JsonValue> = anyValue

function fieldsOf(
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[],
): fc.Arbitrary<JsonObject> {
  const fields = Object.entries(properties).filter(([key]) => key !== 'id')
  const values = Object.fromEntries(fields.map(([key, schema]) => [key, valueOf(schema)]))
  return fc.record(values, { requiredKeys: required.filter((key) => key !== 'id'), noNullPrototype: true })
}

function valueOf(schema: Schema): fc.Arbitrary<JsonValue> {
  const { type } = schema
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (typeof type !== 'string')
    return type === undefined ? anyValue : fc.oneof(...type.map((one) => valueOf({ ...schema, type: one })))
  const make = makers[type]
  if (make === undefined) throw new Error(`the fuzz generates no values of type ${type}`)
  return make(schema)
}

const makers: Readonly<Record<string, (schema: Schema) => fc.Arbitrary<JsonValue>>> = {
  null: () => fc.constant(null),
  boolean: () => fc.boolean(),
  integer: ({ minimum = -MAX_EXACT, maximum = MAX_EXACT }) =>
    fc.maxSafeInteger().map((n) => {
      return Math.min(maximum, Math.max(minimum, n))
    }),
  number: ({ minimum, maximum, multipleOf }) =>
    multipleOf === undefined
      ? number(minimum, maximum)
      : fc.integer({ min: (minimum ?? -1) * 100, max: (maximum ?? 1) * 100 }).map((n) => n / 100),
  string: ({ format, pattern, minLength, maxLength }) => {
    if (format === 'date-time')
      return fc
        .date({ min: new Date(0), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
        .map((date) => date.toISOString())
    return pattern === undefined ? text(minLength, maxLength) : fc.stringMatching(new RegExp(pattern))
  },
  array: ({ items = {}, maxItems = 4 }) => fc.array(valueOf(items), { maxLength: Math.min(maxItems, 4) }),
  object: ({ properties, required = [], additionalProperties }) =>
    properties === undefined && typeof additionalProperties === 'object'
      ? fc.dictionary(name.filter(mayBeName), valueOf(additionalProperties), {
          maxKeys: 3,
          noNullPrototype: true,
        })
      : fieldsOf(properties ?? {}, required),
}
