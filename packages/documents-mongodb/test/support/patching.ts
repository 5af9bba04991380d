import { BSONRegExp, Decimal128, Long, ObjectId } from 'bson'
import { mongodbCodec } from '../../src/index.ts'

const { encode, readPatch } = mongodbCodec

/** A document `k`, and nothing may be lost. */
export const rules = { id: 'k', lenient: false }
/** A merge patch on it. */
export const merge = (stored: Uint8Array, patch: unknown, lenient = false): Uint8Array =>
  readPatch('merge', Buffer.from(JSON.stringify(patch))).apply(stored, { ...rules, lenient })
/** A JSON patch on it. */
export const apply = (stored: Uint8Array, ...operations: readonly object[]): Uint8Array =>
  readPatch('json', Buffer.from(JSON.stringify(operations))).apply(stored, rules)
/** As clients see it. */
export const shown = (stored: Uint8Array): unknown => JSON.parse(encode(stored).json.toString())

/** Every kind of value that a patch must leave as it is. */
export const rich = {
  price: Decimal128.fromString('19.990'),
  at: new Date('2026-01-02T03:04:05.006Z'),
  ref: ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718'),
  big: Long.MAX_VALUE,
  pattern: new BSONRegExp('a', 'i'),
}
