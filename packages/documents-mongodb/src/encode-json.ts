import { BsonCursor, bsonTypes, idFromBson, uint32At } from '@freshet/bson'
import { JsonBytes } from './json-bytes.ts'
import { NameList } from './name-list.ts'
import { putScalar } from './encode-scalar.ts'
import { stepsAside } from './names.ts'

const COMMA = 0x2c

/** MongoDB stores at most 100 levels; deeper ones can only be hostile bytes, and end here. */
const maxLevels = 256

/** From here on two passes take less memory, and the time of both. */
const LARGE_BYTES = 1024 * 1024

const ID = Buffer.from('_id')

const json = new JsonBytes()
const names = new NameList()

/**
 * The one mapping from stored documents to JSON, from the raw bytes and never through JavaScript objects, which reorder
 * names. Names keep their order, `_id` comes first as `id`, whole numbers as the text of the URL, a stored field `id` is
 * `$id`, and a stored `$id` is `$$id`; see the table in its test. No object has a name twice.
 * Cannot throw: bytes that are no BSON end the document where they stop making sense. Returns bytes of their own memory.
 * 1.8 to 2.6 us for a document of 350 bytes.
 */
export function encodeJson(bson: Uint8Array): Buffer {
  return json.made(bson.length > LARGE_BYTES, putWhole, bson)
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
    json.name(bytes, nameAt, nameEnd, json.length > begun, top && stepsAside(bytes, nameAt, nameEnd))
    putValue(type, bytes, cursor.valueAt, cursor.end, level)
  }
  names.reset(mark)
  json.byte(0x7d)
}

/** The id of a document leads it, wherever it is stored. */
function putId(bytes: Uint8Array, start: number): void {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    if (!cursor.isNamed(ID)) continue
    const { type, valueAt, end } = cursor
    if (type === bsonTypes.undefined) return
    json.ascii('"id":')
    // An id is a text in JSON, the one that stands in the URL, also where it is stored as a number or a symbol.
    const text = idFromBson('integer', type, bytes, valueAt)
    if (text !== undefined) return json.ascii(`"${text}"`)
    return putValue(type === bsonTypes.symbol ? bsonTypes.string : type, bytes, valueAt, end, 0)
  }
}

/** The names of an array are its indexes, and nobody asks for them. */
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

/** The value lies between `at` and `end`. */
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
