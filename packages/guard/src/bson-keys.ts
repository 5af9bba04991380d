// G3.2 fails without this file: what writes or runs code is not found in the bytes.
import { BsonCursor, bsonTypes } from '@freshet/bson'

/**
 * Looks at the keys of a serialized command without making objects of it. What the walk cannot follow is refused by
 * a RangeError: a command that this process has just serialized is never malformed.
 */

const DOLLAR = 0x24

/** What the top level of a command says about it. */
export interface CommandHead {
  /** The first key, which the server takes for the command's name; empty when there is none. */
  readonly name: string
  /** The text under `$db`; empty when there is none. */
  readonly database: string
  /** Whether it is part of a transaction (`autocommit` is there). */
  readonly inTransaction: boolean
}

/** Reads the head of the command at `start`, in one walk over its top level. @throws {RangeError} */
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
 * Looks for a key with a leading `$` that is not in `allowed`, anywhere in the document at `start`. Values of JavaScript
 * type are answered as `code`: no read needs them. @throws {RangeError}
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

/** Stages that may read a collection of another database, and the fields under which they name a collection by a document. */
const joins: ReadonlySet<string> = new Set(['$graphLookup', '$lookup', '$unionWith'])
const places: ReadonlySet<string> = new Set(['coll', 'from', 'into'])

/**
 * Looks for a stage that names a database which is not in `databases` (`from: { db, coll }`), anywhere in the document at
 * `start`. Answers the name; empty where it is no text. @throws {RangeError}
 * @param ofJoin whether the document is the argument of such a stage, or names its collection.
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

/** The text of an element, without the length before and the zero behind; empty when it is none. */
function textAt(bytes: Buffer, cursor: BsonCursor): string {
  return cursor.type === bsonTypes.string ? bytes.toString('utf8', cursor.valueAt + 4, cursor.end - 1) : ''
}
