/** The little of BSON that the scan of an event needs. https://bsonspec.org/spec.html */
export const bsonTypes = Object.freeze({
  string: 0x02,
  document: 0x03,
  timestamp: 0x11,
  int64: 0x12,
})

/** The unsigned 32-bit number at `at`, little-endian. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  )
}

/** Where the NUL of the name that begins at `at` is. */
export function nameEnd(bytes: Uint8Array, at: number): number {
  let end = at
  while (end < bytes.length && bytes[end] !== 0) end += 1
  return end
}

/**
 * How many bytes a value of this type takes from `at` on.
 * @throws {RangeError} on a type that is not BSON: the reply is not what it should be.
 */
export function valueSize(type: number, bytes: Uint8Array, at: number): number {
  switch (type) {
    case 0x01: // double
    case 0x09: // date
    case 0x11: // timestamp
    case 0x12: // int64
      return 8
    case 0x02: // string
    case 0x0d: // code
    case 0x0e: // symbol
      return 4 + uint32(bytes, at)
    case 0x03: // document
    case 0x04: // array
    case 0x0f: // code with scope
      return uint32(bytes, at)
    case 0x05: // binary
      return 5 + uint32(bytes, at)
    case 0x06: // undefined
    case 0x0a: // null
    case 0x7f: // max key
    case 0xff: // min key
      return 0
    case 0x07: // object id
      return 12
    case 0x08: // boolean
      return 1
    case 0x0b: // regular expression: two names
      return nameEnd(bytes, nameEnd(bytes, at) + 1) + 1 - at
    case 0x0c: // pointer
      return 16 + uint32(bytes, at)
    case 0x10: // int32
      return 4
    case 0x13: // decimal
      return 16
    default:
      throw new RangeError(`expected a type of BSON at byte ${at}, got 0x${type.toString(16)}`)
  }
}
