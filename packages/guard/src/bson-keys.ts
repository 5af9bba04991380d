// G3.2 fails without this file: what writes or runs code is not found in the bytes.
import { bsonTypes, elementEnd, uint32At, valueStart } from '@freshet/bson'

/**
 * Looks at the keys of a serialized command without making objects of it. What these walks cannot follow, they refuse by
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
  const end = lastByte(bytes, start)
  let name: string | undefined
  let database = ''
  let inTransaction = false
  for (let at = start + 4; at < end;) {
    const valueAt = valueStart(bytes, at)
    const key = bytes.toString('utf8', at + 1, valueAt - 1)
    name ??= key
    if (key === '$db') database = textAt(bytes, at, valueAt)
    else if (key === 'autocommit') inTransaction = true
    at = elementEnd(bytes, at, valueAt)
  }
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
  const end = lastByte(bytes, start)
  for (let at = start + 4; at < end;) {
    const type = bytes[at]
    const valueAt = valueStart(bytes, at)
    if (bytes[at + 1] === DOLLAR) {
      const name = bytes.toString('utf8', at + 1, valueAt - 1)
      if (!allowed.has(name)) return name
    }
    if (type === bsonTypes.code || type === bsonTypes.codeWithScope) return 'code'
    if (isContainer(type)) {
      const inner = findForbiddenName(bytes, valueAt, allowed)
      if (inner !== undefined) return inner
    }
    at = elementEnd(bytes, at, valueAt)
  }
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
  const end = lastByte(bytes, start)
  for (let at = start + 4; at < end;) {
    const valueAt = valueStart(bytes, at)
    const key = bytes.toString('utf8', at + 1, valueAt - 1)
    if (ofJoin && key === 'db') {
      const database = textAt(bytes, at, valueAt)
      if (!databases.has(database)) return database
    }
    if (isContainer(bytes[at])) {
      const joining = joins.has(key) || (ofJoin && places.has(key))
      const inner = findForeignDatabase(bytes, valueAt, databases, joining)
      if (inner !== undefined) return inner
    }
    at = elementEnd(bytes, at, valueAt)
  }
  return undefined
}

/** Where the closing zero of the document at `start` is. Stricter than other walks: its length must be true. */
function lastByte(bytes: Buffer, start: number): number {
  const end = start + uint32At(bytes, start) - 1
  if (end < start + 4 || bytes[end] !== 0) throw new RangeError(`expected a document at byte ${start}`)
  return end
}

function isContainer(type: number | undefined): boolean {
  return type === bsonTypes.document || type === bsonTypes.array
}

/** Of the element at `at`: its text, without the length before and the zero behind; empty when it is none. */
function textAt(bytes: Buffer, at: number, valueAt: number): string {
  if (bytes[at] !== bsonTypes.string) return ''
  return bytes.toString('utf8', valueAt + 4, elementEnd(bytes, at, valueAt) - 1)
}
