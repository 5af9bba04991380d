import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { Binary, BSON, Decimal128, Long, ObjectId, Timestamp } from 'mongodb'
import type { Document } from 'mongodb'
import { allowedNames } from '../src/allowed-names.ts'
import { findForbiddenName } from '../src/bson-keys.ts'

const allowed = [...allowedNames]
const key = fc.oneof(
  fc.constantFrom(...allowed),
  fc.string({ maxLength: 6 }).filter((text) => !/^\$|\0/.test(text)),
)
const leaf = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ maxLength: 20 }),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(null, /\$out/i, new ObjectId(), Long.MIN_VALUE, new Timestamp({ t: 1, i: 1 })),
  fc.constantFrom(
    Decimal128.fromString('1'),
    new BSON.MinKey(),
    new BSON.MaxKey(),
    new BSON.BSONSymbol('$out'),
    '$out',
  ),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes)),
)
const { document } = fc.letrec<{ value: unknown; document: Document }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('document')),
  document: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
}))
/** Keys that no list may contain: real ones, and ones that nobody has thought of. */
const forbidden = fc.oneof(
  fc.constantFrom('$out', '$merge', '$where', '$'),
  fc.stringMatching(/^\$[a-z]{8,12}X$/),
)

const serialized = (value: Document): Buffer => Buffer.from(BSON.serialize(value))

test('G3.8 nothing is found in a command with only allowed names', () => {
  fc.assert(
    fc.property(document, (value) => {
      expect(findForbiddenName(serialized(value), 0, allowedNames)).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})

test('G3.8 a forbidden name is found wherever it is inserted', () => {
  fc.assert(
    fc.property(document, forbidden, leaf, fc.nat(), (value, name, inside, place) => {
      const spots = documentsIn(value)
      const spot = spots[place % spots.length]
      if (spot) spot[name] = inside
      expect(findForbiddenName(serialized(value), 0, allowedNames)).toBe(name)
    }),
    { numRuns: 2_000 },
  )
})

test('G3.4 corrupted bytes are reported as malformed or judged, without any other error or an endless loop', () => {
  fc.assert(
    fc.property(document, fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
      const bytes = serialized(value)
      bytes[at % bytes.length] = byte
      try {
        findForbiddenName(bytes, 0, allowedNames)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }),
    { numRuns: 5_000 },
  )
})

/** Every document in a tree, root first. */
function documentsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(documentsIn)
  if (!isDocument(value)) return []
  return [value, ...Object.values(value).flatMap(documentsIn)]
}

/** fast-check creates dictionaries without a prototype. */
function isDocument(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
