import { BSONRegExp, Decimal128, Long, ObjectId } from 'bson'
import { mongodbCodec } from '../../src/index.ts'

const { encode, readPatch } = mongodbCodec

/** Rules for document `k`, without leniency. */
export const rules = { id: 'k', lenient: false }
/** Applies a merge patch. */
export const merge = (stored: Uint8Array, patch: unknown, lenient = false): Uint8Array =>
  readPatch('merge', Buffer.from(JSON.stringify(patch))).apply(stored, { ...rules, lenient })
/** Applies a JSON patch. */
export const apply = (stored: Uint8Array, ...operations: readonly object[]): Uint8Array =>
  readPatch('json', Buffer.from(JSON.stringify(operations))).apply(stored, rules)
/** The document as clients see it. */
export const shown = (stored: Uint8Array): unknown => JSON.parse(encode(stored).json.toString())

/** Every kind of value that a patch must not alter. */
export const rich = {
  price: Decimal128.fromString('19.990'),
  at: new Date('2026-01-02T03:04:05.006Z'),
  ref: ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718'),
  big: Long.MAX_VALUE,
  pattern: new BSONRegExp('a', 'i'),
}
