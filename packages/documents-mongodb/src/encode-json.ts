import { BsonCursor, bsonTypes, idFromBson, nameEnd, uint32At } from '@freshet/bson'
import { JsonWriter, NameList } from './json-writer.ts'
import { Decimal128 } from 'bson'
import { exactLong } from './exact-numbers.ts'
import type { BsonNode } from './tree.ts'
import { etagOf, type EncodedDocument, type JsonValue } from '@freshet/documents'

const COMMA = 0x2c
const DOLLAR = 0x24
const LETTER_I = 0x69
const LETTER_D = 0x64

/** MongoDB stores at most 100 levels. Deeper bytes are malformed and are cut off here. */
const maxLevels = 256

/** From this size on, two passes use less memory for twice the time. */
const LARGE_BYTES = 1024 * 1024

const SUBTYPE_OLD_BINARY = 2
const SUBTYPE_UUID = 4

/** A multiple of three, so that encoded chunks can be concatenated. */
const BASE64_PIECE_BYTES = 3 * 8 * 1024

/** Integers beyond this are not exact. */
const exactLimit = 2 ** 53

/** JavaScript writes doubles from here on with an exponent. */
const firstWithExponent = 1e21

/** The first milliseconds of the years 0 and 10,000. */
const firstIsoMs = -62_167_219_200_000n
const endIsoMs = 253_402_300_800_000n

/** Type and name of the only element, `v`, without the document's length and the name's NUL. */
const headBytes = 3

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

/** The JSON of a stored document, and its ETag. */
export function encodeDocument(stored: Uint8Array): EncodedDocument {
  const bytes = encodeJson(stored)
  return { json: bytes, etag: etagOf(bytes) }
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
  putScalar(type, bytes, at, end)
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

/** Appends the value between `at` and `end`, of any type except document and array. */
function putScalar(type: number, bytes: Uint8Array, at: number, end: number): void {
  switch (type) {
    case bsonTypes.string:
      return json.text(bytes, at + 4, Math.max(at + 4, end - 1))
    case bsonTypes.int32:
      return json.ascii(String(uint32At(bytes, at) | 0))
    case bsonTypes.double:
      return putDouble(viewOf(bytes).getFloat64(at, true))
    case bsonTypes.int64:
      return putLong(bytes, at)
    case bsonTypes.boolean:
      return json.ascii(bytes[at] === 0 ? 'false' : 'true')
    case bsonTypes.date:
      return putDate(viewOf(bytes).getBigInt64(at, true))
    case bsonTypes.objectId:
      return quoted(hexOf(bytes, at, end))
    case bsonTypes.binary:
      return putBinary(bytes, at, end)
    case bsonTypes.decimal:
      // Decimal128 keeps the array it is passed, so pass a copy.
      return quoted(new Decimal128(Uint8Array.prototype.slice.call(bytes, at, end)).toString())
    case bsonTypes.timestamp:
      return json.ascii(`{"$timestamp":{"t":${uint32At(bytes, at + 4)},"i":${uint32At(bytes, at)}}}`)
    case bsonTypes.minKey:
      return json.ascii('{"$minKey":1}')
    case bsonTypes.maxKey:
      return json.ascii('{"$maxKey":1}')
    case bsonTypes.regex:
      return putRegex(bytes, at, end)
    case bsonTypes.code:
      return putText('{"$code":', bytes, at, end)
    case bsonTypes.symbol:
      return putText('{"$symbol":', bytes, at, end)
    case bsonTypes.pointer:
      return putPointer(bytes, at, end)
    default: // null, or undefined in an array, where it must keep its place
      json.ascii('null')
  }
}

function putDouble(value: number): void {
  if (!Number.isFinite(value)) return quoted(String(value))
  // Adding 0 turns -0 into 0.
  json.ascii(String(value + 0))
  // Without a fraction it would be an integer beyond 2^53, which bodies may not contain.
  if (Math.abs(value) > exactLimit && Math.abs(value) < firstWithExponent) json.ascii('.0')
}

/** A number if JSON readers represent it exactly, otherwise a string. */
function putLong(bytes: Uint8Array, at: number): void {
  const value = exactLong(bytes, at)
  if (value === undefined) quoted(String(viewOf(bytes).getBigInt64(at, true)))
  else json.ascii(String(value))
}

function putDate(ms: bigint): void {
  const iso = ms >= firstIsoMs && ms < endIsoMs
  quoted(iso ? new Date(Number(ms)).toISOString() : String(ms))
}

function putBinary(bytes: Uint8Array, at: number, end: number): void {
  const subtype = bytes[at + 4]
  const from = Math.min(at + 5, end)
  if (subtype === SUBTYPE_UUID && end - from === 16) {
    const hex = hexOf(bytes, from, end)
    return quoted(
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    )
  }
  // The old subtype repeats its length.
  const data = subtype === SUBTYPE_OLD_BINARY ? Math.min(from + 4, end) : from
  json.byte(0x22)
  for (let piece = data; piece < end; piece += BASE64_PIECE_BYTES)
    json.ascii(bufferOf(bytes, piece, Math.min(piece + BASE64_PIECE_BYTES, end)).toString('base64'))
  json.byte(0x22)
}

function putRegex(bytes: Uint8Array, at: number, end: number): void {
  const patternEnd = Math.min(nameEnd(bytes, at), end)
  const optionsEnd = Math.min(nameEnd(bytes, patternEnd + 1), end)
  json.ascii('{"$regularExpression":{"pattern":')
  json.text(bytes, at, patternEnd)
  json.ascii(',"options":')
  json.text(bytes, Math.min(patternEnd + 1, optionsEnd), optionsEnd)
  json.ascii('}}')
}

function putText(head: string, bytes: Uint8Array, at: number, end: number): void {
  json.ascii(head)
  json.text(bytes, at + 4, Math.max(at + 4, end - 1))
  json.ascii('}')
}

function putPointer(bytes: Uint8Array, at: number, end: number): void {
  json.ascii('{"$dbPointer":{"$ref":')
  json.text(bytes, at + 4, Math.max(at + 4, end - 13))
  json.ascii(`,"$id":{"$oid":"${hexOf(bytes, end - 12, end)}"}}}`)
}

function quoted(ascii: string): void {
  json.byte(0x22)
  json.ascii(ascii)
  json.byte(0x22)
}

function hexOf(bytes: Uint8Array, from: number, to: number): string {
  return bufferOf(bytes, from, to).toString('hex')
}

function bufferOf(bytes: Uint8Array, from: number, to: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.max(0, to - from))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Encodes one value as clients see it. Wraps it in a document: for patches, not for the hot path. */
export function encodeValue(node: BsonNode): JsonValue {
  const bytes = Buffer.alloc(4 + headBytes + node.byteLength + 1)
  bytes.writeInt32LE(bytes.length, 0)
  bytes[4] = node.type
  bytes.write('v', 5)
  node.writeTo(bytes, 4 + headBytes)
  const { v }: { readonly v: JsonValue } = JSON.parse(encodeJson(bytes).toString('utf8'))
  return v
}

/**
 * Whether a top-level name is shown with an additional `$`. Clients see `_id` as `id`, so a stored `id` becomes `$id`,
 * a stored `$id` becomes `$$id`, and so on; no two names collide.
 */
function isEscapedName(bytes: Uint8Array, from: number, to: number): boolean {
  const letters = to - 2
  if (letters < from || bytes[to - 1] !== LETTER_D || bytes[letters] !== LETTER_I) return false
  for (let i = from; i < letters; i += 1) if (bytes[i] !== DOLLAR) return false
  return true
}

/** How clients see a stored top-level name. */
export function shownName(stored: string): string {
  return /^\$*id$/.test(stored) ? `$${stored}` : stored
}

/** How a top-level name that clients see is stored. Not for `id`, which is `_id`. */
export function storedName(shown: string): string {
  return /^\$+id$/.test(shown) ? shown.slice(1) : shown
}
