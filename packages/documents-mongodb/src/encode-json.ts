import { BsonCursor, bsonTypes, idFromBson, uint32At } from '@freshet/bson'
import { JsonWriter } from './json-writer.ts'
import { NameList } from './name-list.ts'
import { putScalar } from './encode-scalar.ts'
import { isEscapedName } from './names.ts'

const COMMA = 0x2c

/** MongoDB stores at most 100 levels. Deeper bytes are malformed and are cut off here. */
const maxLevels = 256

/** From this size on, two passes use less memory for twice the time. */
const LARGE_BYTES = 1024 * 1024

const ID = Buffer.from('_id')

const json = new JsonWriter()
const names = new NameList()

/**
 * The only mapping from stored documents to JSON. It reads the raw bytes, since JavaScript objects reorder names.
 * Names keep their order. `_id` comes first, as `id`, in the form used in URLs. A stored `id` becomes `$id`, a stored
 * `$id` becomes `$$id`; see the table in the test. No object has duplicate names. Never throws: malformed BSON is cut
 * off. Returns bytes that share no memory. 1.8 to 2.6 us for a document of 350 bytes.
 */
export function encodeJson(bson: Uint8Array): Buffer {
  return json.build(bson.length > LARGE_BYTES, putWhole, bson)
}

function putWhole(bson: Uint8Array): void {
  putDocument(bson, 0, 0)
}

function putDocument(bytes: Uint8Array, start: number, level: number): void {
  json.byte(0x7b)
  const top = level === 0
  const begun = json.length
  const mark = names.mark()
  if (top) putId(bytes, start)
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const { type, nameAt, nameEnd } = cursor
    if (!names.add(mark, bytes, nameAt, nameEnd) || type === bsonTypes.undefined) continue
    if (top && cursor.isNamed(ID)) continue
    json.name(bytes, nameAt, nameEnd, json.length > begun, top && isEscapedName(bytes, nameAt, nameEnd))
    putValue(type, bytes, cursor.valueAt, cursor.end, level)
  }
  names.reset(mark)
  json.byte(0x7d)
}

/** Puts the document's id first, wherever it is stored. */
function putId(bytes: Uint8Array, start: number): void {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    if (!cursor.isNamed(ID)) continue
    const { type, valueAt, end } = cursor
    if (type === bsonTypes.undefined) return
    json.ascii('"id":')
    // An id is a string in JSON, the one used in the URL, even if stored as a number or a symbol.
    const text = idFromBson('integer', type, bytes, valueAt)
    if (text !== undefined) return json.ascii(`"${text}"`)
    return putValue(type === bsonTypes.symbol ? bsonTypes.string : type, bytes, valueAt, end, 0)
  }
}

/** The names in an array are its indexes and are ignored. */
function putArray(bytes: Uint8Array, start: number, level: number): void {
  json.byte(0x5b)
  const cursor = new BsonCursor(bytes, start)
  let first = true
  while (cursor.next()) {
    if (!first) json.byte(COMMA)
    first = false
    putValue(cursor.type, bytes, cursor.valueAt, cursor.end, level)
  }
  json.byte(0x5d)
}

/** Appends the value between `at` and `end`. */
function putValue(type: number, bytes: Uint8Array, at: number, end: number, level: number): void {
  const nested = type === bsonTypes.document || type === bsonTypes.array
  if (nested && level >= maxLevels) return json.ascii('null')
  if (type === bsonTypes.document) return putDocument(bytes, at, level + 1)
  if (type === bsonTypes.array) return putArray(bytes, at, level + 1)
  if (type === bsonTypes.codeWithScope) return putCodeWithScope(bytes, at, end, level)
  putScalar(json, type, bytes, at, end)
}

function putCodeWithScope(bytes: Uint8Array, at: number, end: number, level: number): void {
  json.ascii('{"$code":')
  const scopeAt = Math.min(at + 8 + uint32At(bytes, at + 4), end)
  json.text(bytes, at + 8, Math.max(at + 8, scopeAt - 1))
  json.ascii(',"$scope":')
  if (level >= maxLevels) json.ascii('null')
  else putDocument(bytes, scopeAt, level + 1)
  json.byte(0x7d)
}
