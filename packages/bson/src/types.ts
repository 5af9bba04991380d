/** BSON types and their bytes. https://bsonspec.org/spec.html */
export const bsonTypes = Object.freeze({
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  pointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
})

/** The unsigned 32-bit integer at `at`, little-endian. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  )
}

/** The offset of the NUL that ends the name at `at`. */
export function nameEnd(bytes: Uint8Array, at: number): number {
  const { length } = bytes
  let end = at
  while (end < length && bytes[end] !== 0) end += 1
  return end
}

/** The size of fixed-size types; -1 for types of variable size and invalid types. */
const fixedBytes = new Int8Array(256).fill(-1)
for (const [type, bytes] of [
  [bsonTypes.double, 8],
  [bsonTypes.undefined, 0],
  [bsonTypes.objectId, 12],
  [bsonTypes.boolean, 1],
  [bsonTypes.date, 8],
  [bsonTypes.null, 0],
  [bsonTypes.int32, 4],
  [bsonTypes.timestamp, 8],
  [bsonTypes.int64, 8],
  [bsonTypes.decimal, 16],
  [bsonTypes.maxKey, 0],
  [bsonTypes.minKey, 0],
] as const)
  fixedBytes[type] = bytes

/**
 * The size of the value at `at`; -1 if the type is invalid. The size is taken from the bytes and not checked against their
 * length.
 */
export function bsonSize(type: number, bytes: Uint8Array, at: number): number {
  const fixed = fixedBytes[type] ?? -1
  if (fixed >= 0) return fixed
  switch (type) {
    case bsonTypes.string:
    case bsonTypes.code:
    case bsonTypes.symbol:
      return 4 + uint32At(bytes, at)
    case bsonTypes.document:
    case bsonTypes.array:
    case bsonTypes.codeWithScope:
      return uint32At(bytes, at)
    case bsonTypes.binary:
      return 5 + uint32At(bytes, at)
    case bsonTypes.regex: // two NUL-terminated strings
      return nameEnd(bytes, nameEnd(bytes, at) + 1) + 1 - at
    case bsonTypes.pointer:
      return 16 + uint32At(bytes, at)
    default:
      return -1
  }
}
