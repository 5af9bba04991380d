/**
 * Walks the keys of a serialized document without making objects of it. Layout: https://bsonspec.org/spec.html
 * Made for commands that this process has just serialized: what it cannot follow it calls malformed.
 */

const DOUBLE = 0x01
const STRING = 0x02
const DOCUMENT = 0x03
const ARRAY = 0x04
const BINARY = 0x05
const UNDEFINED = 0x06
const OBJECT_ID = 0x07
const BOOLEAN = 0x08
const DATE = 0x09
const NULL = 0x0a
const REGEX = 0x0b
const DB_POINTER = 0x0c
const CODE = 0x0d
const SYMBOL = 0x0e
const CODE_WITH_SCOPE = 0x0f
const INT32 = 0x10
const TIMESTAMP = 0x11
const INT64 = 0x12
const DECIMAL128 = 0x13
const MIN_KEY = 0xff
const MAX_KEY = 0x7f

const DOLLAR = 0x24

/** Bytes of a value whose size depends on its type alone; the others begin with their length, or are walked. */
const fixedBytes: Readonly<Record<number, number>> = {
  [DOUBLE]: 8,
  [UNDEFINED]: 0,
  [OBJECT_ID]: 12,
  [BOOLEAN]: 1,
  [DATE]: 8,
  [NULL]: 0,
  [INT32]: 4,
  [TIMESTAMP]: 8,
  [INT64]: 8,
  [DECIMAL128]: 16,
  [MIN_KEY]: 0,
  [MAX_KEY]: 0,
}

/** The bytes are not a document that this walk can follow. */
export class MalformedBson extends Error {
  override readonly name = 'MalformedBson'
}

/** What the top level of a command says about it. */
export interface CommandHead {
  /** The first key, which the server takes for the command's name; empty when there is none. */
  readonly name: string
  /** The text under `$db`; empty when there is none. */
  readonly database: string
  /** Whether it is part of a transaction (`autocommit` is there). */
  readonly inTransaction: boolean
}

/** Reads the head of the command at `at`, in one walk over its top level. */
export function commandHead(bytes: Buffer, at: number): CommandHead {
  const end = documentEnd(bytes, at)
  let name: string | undefined
  let database = ''
  let inTransaction = false
  let cursor = at + 4
  while (cursor < end) {
    const type = byteAt(bytes, cursor)
    const keyEnd = cstringEnd(bytes, cursor + 1)
    const key = bytes.toString('utf8', cursor + 1, keyEnd)
    const value = keyEnd + 1
    name ??= key
    if (key === '$db' && type === STRING) database = textAt(bytes, value)
    else if (key === 'autocommit') inTransaction = true
    cursor = valueEnd(bytes, type, value)
  }
  return { name: name ?? '', database, inTransaction }
}

/**
 * Looks for a key with a leading `$` that is not in `allowed`, anywhere in the document at `at`. Values of JavaScript
 * type are answered as `code`: no read needs them.
 */
export function findForbiddenName(
  bytes: Buffer,
  at: number,
  allowed: ReadonlySet<string>,
): string | undefined {
  const end = documentEnd(bytes, at)
  let cursor = at + 4
  while (cursor < end) {
    const type = byteAt(bytes, cursor)
    const keyAt = cursor + 1
    const keyEnd = cstringEnd(bytes, keyAt)
    if (bytes[keyAt] === DOLLAR) {
      const name = bytes.toString('utf8', keyAt, keyEnd)
      if (!allowed.has(name)) return name
    }
    if (type === CODE || type === CODE_WITH_SCOPE) return 'code'
    const value = keyEnd + 1
    if (type === DOCUMENT || type === ARRAY) {
      const inner = findForbiddenName(bytes, value, allowed)
      if (inner !== undefined) return inner
    }
    cursor = valueEnd(bytes, type, value)
  }
  return undefined
}

/** Stages that may read a collection of another database, and the fields under which they name a collection by a document. */
const joins: ReadonlySet<string> = new Set(['$graphLookup', '$lookup', '$unionWith'])
const places: ReadonlySet<string> = new Set(['coll', 'from', 'into'])

/**
 * Looks for a stage that names a database which is not in `databases` (`from: { db, coll }`), anywhere in the document at
 * `at`. Answers the name; empty where it is no text.
 * @param ofJoin whether the document is the argument of such a stage, or names its collection.
 */
export function findForeignDatabase(
  bytes: Buffer,
  at: number,
  databases: ReadonlySet<string>,
  ofJoin = false,
): string | undefined {
  const end = documentEnd(bytes, at)
  let cursor = at + 4
  while (cursor < end) {
    const type = byteAt(bytes, cursor)
    const keyEnd = cstringEnd(bytes, cursor + 1)
    const key = bytes.toString('utf8', cursor + 1, keyEnd)
    const value = keyEnd + 1
    if (ofJoin && key === 'db') {
      const database = type === STRING ? textAt(bytes, value) : ''
      if (!databases.has(database)) return database
    }
    if (type === DOCUMENT || type === ARRAY) {
      const inner = findForeignDatabase(
        bytes,
        value,
        databases,
        joins.has(key) || (ofJoin && places.has(key)),
      )
      if (inner !== undefined) return inner
    }
    cursor = valueEnd(bytes, type, value)
  }
  return undefined
}

/** Where the closing zero of the document at `at` stands. */
function documentEnd(bytes: Buffer, at: number): number {
  if (at + 5 > bytes.length) throw new MalformedBson(`document at ${at} is cut off`)
  const end = at + bytes.readInt32LE(at) - 1
  if (end < at + 4 || end >= bytes.length || bytes[end] !== 0)
    throw new MalformedBson(`document at ${at} has no end`)
  return end
}

function valueEnd(bytes: Buffer, type: number, at: number): number {
  const fixed = fixedBytes[type]
  if (fixed !== undefined) return at + fixed
  switch (type) {
    case STRING:
    case SYMBOL:
    case CODE:
      return at + 4 + lengthAt(bytes, at)
    case DOCUMENT:
    case ARRAY:
    case CODE_WITH_SCOPE:
      return at + lengthAt(bytes, at)
    case BINARY:
      return at + 5 + lengthAt(bytes, at)
    case DB_POINTER:
      return at + 4 + lengthAt(bytes, at) + 12
    case REGEX:
      return cstringEnd(bytes, cstringEnd(bytes, at) + 1) + 1
    default:
      throw new MalformedBson(`unknown type ${type} at ${at}`)
  }
}

function textAt(bytes: Buffer, at: number): string {
  return bytes.toString('utf8', at + 4, at + 3 + lengthAt(bytes, at))
}

function lengthAt(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new MalformedBson(`length at ${at} is cut off`)
  const length = bytes.readInt32LE(at)
  if (length < 0) throw new MalformedBson(`length at ${at} is negative`)
  return length
}

function cstringEnd(bytes: Buffer, at: number): number {
  const end = bytes.indexOf(0, at)
  if (end < 0) throw new MalformedBson(`name at ${at} has no end`)
  return end
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new MalformedBson(`nothing at ${at}`)
  return byte
}
