// G3.2 fails without this file: names that write or run code are not found in the bytes.
import { BsonCursor, bsonTypes } from '@freshet/bson'

/**
 * Inspects the keys of a serialized command without decoding it. Anything that cannot be parsed throws a RangeError: a
 * command that this process has just serialized is never malformed.
 */

const DOLLAR = 0x24

/** Properties of a command's top level. */
export interface CommandHead {
  /** The first key, which the server takes for the command's name; empty if there is none. */
  readonly name: string
  /** The string under `$db`; empty if there is none. */
  readonly database: string
  /** Whether the command is part of a transaction (it has `autocommit`). */
  readonly inTransaction: boolean
}

/** Reads the head of the command at `start` in one pass over its top level. @throws {RangeError} */
export function commandHead(bytes: Buffer, start: number): CommandHead {
  let name: string | undefined
  let database = ''
  let inTransaction = false
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const key = nameAt(bytes, cursor)
    name ??= key
    if (key === '$db') database = textAt(bytes, cursor)
    else if (key === 'autocommit') inTransaction = true
  }
  cursor.expectComplete()
  return { name: name ?? '', database, inTransaction }
}

/**
 * Finds a `$`-prefixed key that is not in `allowed`, anywhere in the document at `start`. Values of JavaScript type are
 * returned as `code`: no read needs them. @throws {RangeError}
 */
export function findForbiddenName(
  bytes: Buffer,
  start: number,
  allowed: ReadonlySet<string>,
): string | undefined {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const { type } = cursor
    if (bytes[cursor.nameAt] === DOLLAR) {
      const name = nameAt(bytes, cursor)
      if (!allowed.has(name)) return name
    }
    if (type === bsonTypes.code || type === bsonTypes.codeWithScope) return 'code'
    if (isContainer(type)) {
      const inner = findForbiddenName(bytes, cursor.valueAt, allowed)
      if (inner !== undefined) return inner
    }
  }
  cursor.expectComplete()
  return undefined
}

/** Stages that may read from another database, and the fields in which they name a collection by a document. */
const joins: ReadonlySet<string> = new Set(['$graphLookup', '$lookup', '$unionWith'])
const places: ReadonlySet<string> = new Set(['coll', 'from', 'into'])

/**
 * Finds a stage that names a database not in `databases` (`from: { db, coll }`), anywhere in the document at `start`.
 * Returns the name; empty if it is not a string. @throws {RangeError}
 * @param ofJoin whether the document is the argument of such a stage or names its collection.
 */
export function findForeignDatabase(
  bytes: Buffer,
  start: number,
  databases: ReadonlySet<string>,
  ofJoin = false,
): string | undefined {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const key = nameAt(bytes, cursor)
    if (ofJoin && key === 'db') {
      const database = textAt(bytes, cursor)
      if (!databases.has(database)) return database
    }
    if (isContainer(cursor.type)) {
      const joining = joins.has(key) || (ofJoin && places.has(key))
      const inner = findForeignDatabase(bytes, cursor.valueAt, databases, joining)
      if (inner !== undefined) return inner
    }
  }
  cursor.expectComplete()
  return undefined
}

function isContainer(type: number): boolean {
  return type === bsonTypes.document || type === bsonTypes.array
}

function nameAt(bytes: Buffer, cursor: BsonCursor): string {
  return bytes.toString('utf8', cursor.nameAt, cursor.nameEnd)
}

/** The content of a string element; empty for other types. */
function textAt(bytes: Buffer, cursor: BsonCursor): string {
  return cursor.type === bsonTypes.string ? bytes.toString('utf8', cursor.valueAt + 4, cursor.end - 1) : ''
}
