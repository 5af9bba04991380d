type Json = Readonly<Record<string, unknown>>

/** Where validation can take longer than linear time. */
export interface Recursion {
  /** Targets of recursive `$ref`s. */
  readonly places: readonly Json[]
  /** All schemas evaluated on the way back to a target, once per evaluation. */
  readonly within: readonly Json[]
}

/** Finds recursion in a schema. */
export function recursionOf(schema: object): Recursion {
  const targets = new Map<string, Json>()
  for (const ref of refsIn(schema)) {
    const place = placeOf(schema, ref)
    // A reference by name, or another one that only Ajv resolves: any named target is possible.
    if (place === undefined) for (const [n, one] of named(schema).entries()) targets.set(`${ref} ${n}`, one)
    else targets.set(ref, place)
  }
  const reachable = (from: Json, seen: Set<Json>): Set<Json> => {
    for (const ref of refsIn(from))
      for (const [name, place] of targets) {
        if ((name !== ref && !name.startsWith(`${ref} `)) || seen.has(place)) continue
        seen.add(place)
        reachable(place, seen)
      }
    return seen
  }
  const places = [...new Set(targets.values())].filter((place) => reachable(place, new Set()).has(place))
  const reached = new Set(places.flatMap((place) => [...reachable(place, new Set())]))
  const within = new Set([...reached].flatMap(schemasIn))
  return { places, within: [...within] }
}

/** Keywords whose values are not schemas but may look like them. */
const values: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples', 'dependentRequired'])

/** Keywords whose values are maps of schemas. */
const maps: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  '$defs',
  'definitions',
])

/** A schema and all schemas inside it. `true` and `false` cost nothing. */
function schemasIn(schema: unknown): readonly Json[] {
  if (typeof schema !== 'object' || schema === null) return []
  if (Array.isArray(schema)) return schema.flatMap(schemasIn)
  const inner = Object.entries(schema).flatMap(([word, value]: [string, unknown]) => {
    if (values.has(word) || word.startsWith('x-')) return []
    if (maps.has(word) && typeof value === 'object' && value !== null)
      return Object.values(value).flatMap(schemasIn)
    return schemasIn(value)
  })
  return [schema as Json, ...inner]
}

function refsIn(schema: unknown): readonly string[] {
  return objectsIn(schema).flatMap((one) =>
    ['$ref', '$dynamicRef'].flatMap((key) => {
      const ref = one[key]
      return typeof ref === 'string' ? [ref] : []
    }),
  )
}

function named(schema: object): readonly Json[] {
  return objectsIn(schema).filter(
    (one, place) => place === 0 || '$id' in one || '$anchor' in one || '$dynamicAnchor' in one,
  )
}

/** All objects, outermost first. */
function objectsIn(value: unknown): readonly Json[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(objectsIn)
  return Array.isArray(value) ? inner : [value as Json, ...inner]
}

/** Resolves `#` followed by a JSON pointer. */
function placeOf(schema: object, ref: string): Json | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  let place: unknown = schema
  for (const name of ref.split('/').slice(1)) {
    if (typeof place !== 'object' || place === null) return undefined
    place = Reflect.get(place, decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return typeof place === 'object' && place !== null && !Array.isArray(place) ? (place as Json) : undefined
}
