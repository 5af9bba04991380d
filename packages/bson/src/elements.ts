import { bsonSize, bsonTypes, nameEnd, uint32At } from '@freshet/bson'

/** Where the last byte of the document at `start` is, which is a NUL; never behind the bytes that there are. */
export function documentEnd(bytes: Uint8Array, start: number): number {
  return Math.min(start + uint32At(bytes, start), bytes.length) - 1
}

/** Of the element at `at`: where its value begins. */
export function valueStart(bytes: Uint8Array, at: number): number {
  return nameEnd(bytes, at + 1) + 1
}

/** Of the element at `at`: where it ends. @throws {RangeError} when that makes no sense: these bytes are no BSON. */
export function elementEnd(bytes: Uint8Array, at: number, valueAt = valueStart(bytes, at)): number {
  const size = bsonSize(bytes[at] ?? 0, bytes, valueAt)
  if (size < 0 || valueAt + size > bytes.length) throw new RangeError(`expected BSON at byte ${at}`)
  return valueAt + size
}

/**
 * Whether the object or array at `start` holds others inside each other so that there are more than `levels` of them;
 * the first counts. Looks no deeper than that.
 */
export function rawDeeperThan(bytes: Uint8Array, start: number, levels: number): boolean {
  if (levels <= 0) return true
  const end = documentEnd(bytes, start)
  for (let at = start + 4; at < end;) {
    const type = bytes[at]
    const valueAt = valueStart(bytes, at)
    const container = type === bsonTypes.document || type === bsonTypes.array
    if (container && rawDeeperThan(bytes, valueAt, levels - 1)) return true
    at = elementEnd(bytes, at, valueAt)
  }
  return false
}
