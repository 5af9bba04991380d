import { BsonCursor, bsonSize, bsonTypes, nameEnd } from './raw-bson.ts'

/** The offset of the value of the element at `at`. */
export function valueStart(bytes: Uint8Array, at: number): number {
  return nameEnd(bytes, at + 1) + 1
}

/** The end of the element at `at`. @throws {RangeError} the bytes are not valid BSON. */
export function elementEnd(bytes: Uint8Array, at: number, valueAt = valueStart(bytes, at)): number {
  const size = bsonSize(bytes[at] ?? 0, bytes, valueAt)
  if (size < 0 || valueAt + size > bytes.length) throw new RangeError(`expected BSON at byte ${at}`)
  return valueAt + size
}

/**
 * Whether the object or array at `start` is nested more than `levels` deep, counting itself. Does not look any deeper.
 * @throws {RangeError} the bytes are not valid BSON.
 */
export function deeperThan(bytes: Uint8Array, start: number, levels: number): boolean {
  if (levels <= 0) return true
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const { type, valueAt } = cursor
    const container = type === bsonTypes.document || type === bsonTypes.array
    if (container && deeperThan(bytes, valueAt, levels - 1)) return true
  }
  cursor.expectComplete()
  return false
}
