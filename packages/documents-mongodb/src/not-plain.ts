import { isUtf8 } from 'node:buffer'
import { BsonCursor, bsonTypes, uint32At } from '@freshet/bson'
import { type Issue, pointerTo } from '@freshet/documents'
import { exactLong } from './exact-numbers.ts'
import { shownName } from './encode-json.ts'

const STORED_ID = Buffer.from('_id')
/** Shown as `$id`, since `id` is the document's id. */
const FIELD_ID = Buffer.from('id')

/** The BSON types of the values that JSON has. */
const plainTypes: ReadonlySet<number> = new Set([
  bsonTypes.string,
  bsonTypes.document,
  bsonTypes.array,
  bsonTypes.boolean,
  bsonTypes.null,
  bsonTypes.int32,
  bsonTypes.int64,
  bsonTypes.double,
])

/** Whether JSON has values of this BSON type. Not every value of the type is plain: see {@link firstNotPlain}. */
export function isPlainType(type: number): boolean {
  return plainTypes.has(type)
}

/**
 * RFC 6901 pointer to the first value that JSON cannot represent (a date, an ObjectId, a decimal, a stored field `id`,
 * a string or name that is not UTF-8, …), as clients see the document. `undefined` if there is none. Ignores `_id`.
 */
export function firstNotPlain(stored: Uint8Array): string | undefined {
  return inDocument(stored, 0, true, false)
}

/** The same, with what it is. */
export function plainFault(
  stored: Uint8Array,
): { readonly pointer: string; readonly detail: string } | undefined {
  const pointer = firstNotPlain(stored)
  return pointer === undefined
    ? undefined
    : { pointer, detail: 'has a stored type that JSON cannot represent' }
}

function inDocument(bytes: Uint8Array, start: number, top: boolean, array: boolean): string | undefined {
  const cursor = new BsonCursor(bytes, start)
  for (let index = 0; cursor.next(); index += 1) {
    if (top && cursor.isNamed(STORED_ID)) continue
    const rawName = Buffer.from(
      bytes.buffer,
      bytes.byteOffset + cursor.nameAt,
      cursor.nameEnd - cursor.nameAt,
    )
    const plainName = array || (isUtf8(rawName) && !(top && cursor.isNamed(FIELD_ID)))
    const inner = plainName ? inValue(cursor.type, bytes, cursor.valueAt) : ''
    if (inner === undefined) continue
    const name = array ? String(index) : rawName.toString('utf8')
    return pointerTo([top ? shownName(name) : name]) + inner
  }
  return cursor.isComplete ? undefined : ''
}

function inValue(type: number, bytes: Uint8Array, at: number): string | undefined {
  switch (type) {
    case bsonTypes.string:
      return isUtf8(bytes.subarray(at + 4, at + 3 + uint32At(bytes, at))) ? undefined : ''
    case bsonTypes.document:
      return inDocument(bytes, at, false, false)
    case bsonTypes.array:
      return inDocument(bytes, at, false, true)
    case bsonTypes.double:
      return Number.isFinite(viewOf(bytes).getFloat64(at, true)) ? undefined : ''
    case bsonTypes.int64:
      return exactLong(bytes, at) === undefined ? '' : undefined
    default:
      return isPlainType(type) ? undefined : ''
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

const DOLLAR = 0x24

/**
 * Finds what the server would not store unchanged when a document is replaced. Only the top level matters: a name that
 * begins with `$` is rejected, and the timestamp (0, 0) is replaced by the current time, so the response and its ETag
 * would be wrong.
 * https://www.mongodb.com/docs/manual/reference/bson-types/#timestamps
 */
export function firstNotStorable(stored: Uint8Array): Issue | undefined {
  const cursor = new BsonCursor(stored)
  while (cursor.next()) {
    const { type, nameAt, nameEnd, valueAt, end } = cursor
    if (stored[nameAt] === DOLLAR)
      return issueAt(stored.subarray(nameAt, nameEnd), 'has a name that MongoDB rejects in replacements')
    if (type === bsonTypes.timestamp && stored.subarray(valueAt, end).every((byte) => byte === 0))
      return issueAt(
        stored.subarray(nameAt, nameEnd),
        'is a timestamp that MongoDB replaces with the current time',
      )
  }
  return undefined
}

function issueAt(name: Uint8Array, detail: string): Issue {
  return { pointer: pointerTo([Buffer.from(name).toString()]), detail }
}
