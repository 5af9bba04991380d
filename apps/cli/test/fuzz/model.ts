import { isDeepStrictEqual } from 'node:util'
import { sample } from 'fast-check'
import type { JsonObject, JsonValue } from '@freshet/documents'
import type { SeededRandom } from '@freshet/testkit'
import type { FuzzCollection } from './collections.ts'
import { documentsOf, strangeValues } from './documents.ts'

/** What must be stored: the ETag, and the document without its id. */
export interface Stored {
  readonly etag: string
  readonly json: JsonObject
}

/** The identity and expected state of a document. */
export interface Slot {
  readonly of: FuzzCollection
  readonly id: string
  readonly path: string
  /** Written by several clients, so its state is unknown. */
  readonly shared: boolean
  /** `undefined` if the document does not exist. */
  stored: Stored | undefined
}

/** Pregenerated values to send. */
export interface Pools {
  documents(of: FuzzCollection): JsonObject
  strange(): JsonValue
}

const SAMPLES = 500

/** Generates the values that all clients send. Returns a function that creates a picker for one client. */
export function makePools(
  collections: readonly FuzzCollection[],
  seed: number,
): (random: SeededRandom) => Pools {
  const documents = new Map(
    collections.map((one) => [one, sample(documentsOf(one.schema), { seed, numRuns: SAMPLES })]),
  )
  const strange = sample(strangeValues, { seed, numRuns: SAMPLES })
  return (random) => ({
    documents: (of) => random.pick(documents.get(of) ?? []),
    strange: () => random.pick(strange),
  })
}

/** An id of the collection, determined by the numbers. */
export function idOf({ collection }: FuzzCollection, client: number, number: number): string {
  const hex = (digits: number): string => (client * 1_000 + number).toString(16).padStart(digits, '0')
  switch (collection.idType) {
    case 'string':
      return `c${client}.${number}`
    case 'integer':
      return String((number % 2 === 0 ? 1 : -1) * (client * 1_000 + number + 1))
    case 'uuid':
      return `00000000-0000-7000-8000-${hex(12)}`
    case 'objectid':
      return hex(24)
  }
}

export function slotsOf(
  collections: readonly FuzzCollection[],
  client: number,
  each: number,
  shared = false,
): Slot[] {
  return collections.flatMap((of) =>
    Array.from({ length: each }, (_, number) => {
      const id = idOf(of, client, number)
      return { of, id, path: `/v1/${of.collection.name}/${id}`, shared, stored: undefined }
    }),
  )
}

/** The algorithm of RFC 7396, section 2. */
export function merged(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = merged(result[name], value)
  }
  return result
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a text is the document with this id; JSON turns -0 into 0. */
export function shows(text: string, id: string, json: JsonObject): boolean {
  const got: unknown = JSON.parse(text)
  return isDeepStrictEqual(got, JSON.parse(JSON.stringify({ id, ...json })))
}
