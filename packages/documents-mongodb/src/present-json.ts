import { bsonSize, bsonTypes, documentEnd, idFromBson, nameEnd, uint32At } from '@freshet/bson'
import { JsonBytes } from './json-bytes.ts'
import { NameList } from './name-list.ts'
import { putScalar } from './present-scalar.ts'
import { stepsAside } from './shown-name.ts'

const COMMA = 0x2c
const COLON = 0x3a

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
export function presentJson(bson: Uint8Array): Buffer {
  return json.made(bson.length > LARGE_BYTES, putWhole, bson)
}

function putWhole(bson: Uint8Array): void {
  putDocument(bson, 0, 0)
}

function putDocument(bytes: Uint8Array, start: number, level: number): void {
  json.byte(0x7b)
  const end = documentEnd(bytes, start)
  const top = level === 0
  const begun = json.length
  const mark = names.mark()
  if (top) putId(bytes, start, end)
  for (let at = start + 4; at < end;) {
    const type = bytes[at] ?? 0
    const nameAt = at + 1
    const stop = nameEnd(bytes, nameAt)
    const size = bsonSize(type, bytes, stop + 1)
    at = stop + 1 + size
    if (size < 0 || at > end) break
    if (!names.add(mark, bytes, nameAt, stop) || type === bsonTypes.undefined) continue
    if (top && isName(bytes, nameAt, stop, ID)) continue
    if (json.length > begun) json.byte(COMMA)
    json.text(bytes, nameAt, stop, top && stepsAside(bytes, nameAt, stop) ? '$' : '')
    json.byte(COLON)
    putValue(type, bytes, stop + 1, at, level)
  }
  names.reset(mark)
  json.byte(0x7d)
}

/** The id of a document leads it, wherever it is stored. */
function putId(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start + 4; at < end;) {
    const type = bytes[at] ?? 0
    const stop = nameEnd(bytes, at + 1)
    const size = bsonSize(type, bytes, stop + 1)
    const next = stop + 1 + size
    if (size < 0 || next > end) return
    if (isName(bytes, at + 1, stop, ID)) {
      if (type === bsonTypes.undefined) return
      json.ascii('"id":')
      // An id is a text in JSON, the one that stands in the URL, also where it is stored as a number or a symbol.
      const text = idFromBson('integer', type, bytes, stop + 1)
      if (text !== undefined) return json.ascii(`"${text}"`)
      if (type === bsonTypes.symbol) return putValue(bsonTypes.string, bytes, stop + 1, next, 0)
      return putValue(type, bytes, stop + 1, next, 0)
    }
    at = next
  }
}

/** The names of an array are its indexes, and nobody asks for them. */
function putArray(bytes: Uint8Array, start: number, level: number): void {
  json.byte(0x5b)
  const end = documentEnd(bytes, start)
  let first = true
  for (let at = start + 4; at < end;) {
    const type = bytes[at] ?? 0
    const stop = nameEnd(bytes, at + 1)
    const size = bsonSize(type, bytes, stop + 1)
    at = stop + 1 + size
    if (size < 0 || at > end) break
    if (!first) json.byte(COMMA)
    first = false
    putValue(type, bytes, stop + 1, at, level)
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

function isName(bytes: Uint8Array, from: number, to: number, name: Buffer): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i += 1) if (bytes[from + i] !== name[i]) return false
  return true
}
