import { bsonTypes, nameEnd, uint32At } from '@freshet/bson'
import { Decimal128 } from 'bson'
import { exactLong } from './exact-numbers.ts'
import type { JsonWriter } from './json-writer.ts'

const SUBTYPE_OLD_BINARY = 2
const SUBTYPE_UUID = 4

/** A multiple of three, so that encoded chunks can be concatenated. */
const BASE64_PIECE_BYTES = 3 * 8 * 1024

/** Integers beyond this are not exact. */
const limit = 2 ** 53

/** JavaScript writes doubles from here on with an exponent. */
const firstWithExponent = 1e21

/** The first milliseconds of the years 0 and 10,000. */
const firstIsoMs = -62_167_219_200_000n
const endIsoMs = 253_402_300_800_000n

/** Appends the value between `at` and `end`, of any type except document and array. */
export function putScalar(json: JsonWriter, type: number, bytes: Uint8Array, at: number, end: number): void {
  switch (type) {
    case bsonTypes.string:
      return json.text(bytes, at + 4, Math.max(at + 4, end - 1))
    case bsonTypes.int32:
      return json.ascii(String(uint32At(bytes, at) | 0))
    case bsonTypes.double:
      return putDouble(json, viewOf(bytes).getFloat64(at, true))
    case bsonTypes.int64:
      return putLong(json, bytes, at)
    case bsonTypes.boolean:
      return json.ascii(bytes[at] === 0 ? 'false' : 'true')
    case bsonTypes.date:
      return putDate(json, viewOf(bytes).getBigInt64(at, true))
    case bsonTypes.objectId:
      return quoted(json, hexOf(bytes, at, end))
    case bsonTypes.binary:
      return putBinary(json, bytes, at, end)
    case bsonTypes.decimal:
      // Decimal128 keeps the array it is passed, so pass a copy.
      return quoted(json, new Decimal128(Uint8Array.prototype.slice.call(bytes, at, end)).toString())
    case bsonTypes.timestamp:
      return json.ascii(`{"$timestamp":{"t":${uint32At(bytes, at + 4)},"i":${uint32At(bytes, at)}}}`)
    case bsonTypes.minKey:
      return json.ascii('{"$minKey":1}')
    case bsonTypes.maxKey:
      return json.ascii('{"$maxKey":1}')
    case bsonTypes.regex:
      return putRegex(json, bytes, at, end)
    case bsonTypes.code:
      return putText(json, '{"$code":', bytes, at, end)
    case bsonTypes.symbol:
      return putText(json, '{"$symbol":', bytes, at, end)
    case bsonTypes.pointer:
      return putPointer(json, bytes, at, end)
    default: // null, or undefined in an array, where it must keep its place
      json.ascii('null')
  }
}

function putDouble(json: JsonWriter, value: number): void {
  if (!Number.isFinite(value)) return quoted(json, String(value))
  // Adding 0 turns -0 into 0.
  json.ascii(String(value + 0))
  // Without a fraction it would be an integer beyond 2^53, which bodies may not contain.
  if (Math.abs(value) > limit && Math.abs(value) < firstWithExponent) json.ascii('.0')
}

/** A number if JSON readers represent it exactly, otherwise a string. */
function putLong(json: JsonWriter, bytes: Uint8Array, at: number): void {
  const value = exactLong(bytes, at)
  if (value === undefined) quoted(json, String(viewOf(bytes).getBigInt64(at, true)))
  else json.ascii(String(value))
}

function putDate(json: JsonWriter, ms: bigint): void {
  const iso = ms >= firstIsoMs && ms < endIsoMs
  quoted(json, iso ? new Date(Number(ms)).toISOString() : String(ms))
}

function putBinary(json: JsonWriter, bytes: Uint8Array, at: number, end: number): void {
  const subtype = bytes[at + 4]
  const from = Math.min(at + 5, end)
  if (subtype === SUBTYPE_UUID && end - from === 16) {
    const hex = hexOf(bytes, from, end)
    return quoted(
      json,
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

function putRegex(json: JsonWriter, bytes: Uint8Array, at: number, end: number): void {
  const patternEnd = Math.min(nameEnd(bytes, at), end)
  const optionsEnd = Math.min(nameEnd(bytes, patternEnd + 1), end)
  json.ascii('{"$regularExpression":{"pattern":')
  json.text(bytes, at, patternEnd)
  json.ascii(',"options":')
  json.text(bytes, Math.min(patternEnd + 1, optionsEnd), optionsEnd)
  json.ascii('}}')
}

function putText(json: JsonWriter, head: string, bytes: Uint8Array, at: number, end: number): void {
  json.ascii(head)
  json.text(bytes, at + 4, Math.max(at + 4, end - 1))
  json.ascii('}')
}

function putPointer(json: JsonWriter, bytes: Uint8Array, at: number, end: number): void {
  json.ascii('{"$dbPointer":{"$ref":')
  json.text(bytes, at + 4, Math.max(at + 4, end - 13))
  json.ascii(`,"$id":{"$oid":"${hexOf(bytes, end - 12, end)}"}}}`)
}

function quoted(json: JsonWriter, ascii: string): void {
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
