import { isUtf8 } from 'node:buffer'
import type { Id, IdType } from '@freshet/protocol'
import { serialize } from 'bson'
import { idToBson } from './ids.ts'
import { BodyScan } from './body-scan.ts'
import { BsonWriter, BsonCursor } from '@freshet/bson'
import { BodyError, type JsonObject, type JsonValue } from '@freshet/documents'

/** A parsed body, as JSON and as BSON. */
export interface Body<T extends JsonValue = JsonObject> {
  /** The result of `JSON.parse`, which reorders integer-like names. */
  readonly json: T
  /** The same as BSON, in the original order. An array is a document keyed by index. */
  readonly bson: Buffer
}

const FIELD_ID = Buffer.from('id')
const STORED_ID = Buffer.from('_id')

const out = new BsonWriter()

/**
 * Reads a body that must be an object. Checks nesting, keys, numbers and strings.
 * 3.3 to 4.7 us for 330 bytes, 1.1 of them in `JSON.parse`.
 * @throws {BodyError} malformed-body, duplicate-key, inexact-number, forbidden-name, bad-text
 */
export function readBody(bytes: Uint8Array): Body {
  const { json, bson } = read(bytes)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new BodyError('malformed-body', '', `expected a JSON object, got ${kindOf(json)}`)
  return { json, bson: bson() }
}

/** Reads a body that must be an array, such as a JSON patch. @throws {BodyError} see {@link readBody} */
export function readArrayBody(bytes: Uint8Array): Body<JsonValue[]> {
  const { json, bson } = read(bytes)
  if (!Array.isArray(json))
    throw new BodyError('malformed-body', '', `expected a JSON array, got ${kindOf(json)}`)
  return { json, bson: bson() }
}

function read(bytes: Uint8Array): { readonly json: JsonValue; readonly bson: () => Buffer } {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!isUtf8(source)) throw new BodyError('bad-text', '', 'expected UTF-8')
  let json: JsonValue
  try {
    json = JSON.parse(source.toString('utf8'))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BodyError('malformed-body', '', `expected JSON: ${why}`)
  }
  return {
    json,
    bson: () => {
      out.clear()
      new BodyScan(source, out).run()
      return out.copy()
    },
  }
}

function kindOf(json: JsonValue): string {
  if (json === null) return 'null'
  return Array.isArray(json) ? 'an array' : `a ${typeof json}`
}

/**
 * The document as stored: `_id` first, then the body in its order without its `id`.
 * @throws {RangeError} if the id is not valid for its type; check with `isValidId` first.
 * @throws {BodyError} forbidden-name: the body has an `_id`. `readBody` rejects these too: with two of them, MongoDB
 * would use one and readers the other.
 */
export function toStored(bson: Buffer, idType: IdType, id: Id): Buffer {
  const head = serialize({ _id: idToBson(idType, id) })
  const [from, to] = idIn(bson)
  // Each part without its length and trailing zero.
  const length = head.length + bson.length - 5 - (to - from)
  const stored = Buffer.allocUnsafeSlow(length)
  stored.writeInt32LE(length, 0)
  stored.set(head.subarray(4, -1), 4)
  const at = head.length - 1
  bson.copy(stored, at, 4, from)
  bson.copy(stored, at + from - 4, to)
  return stored
}

/** Start and end of the element `id`, or an empty range. Scans all top-level names. */
function idIn(bson: Buffer): readonly [number, number] {
  let found: readonly [number, number] = [4, 4]
  const cursor = new BsonCursor(bson)
  while (cursor.next()) {
    if (cursor.isNamed(STORED_ID))
      throw new BodyError('forbidden-name', '/_id', "expected the document's id as 'id', got '_id'")
    if (cursor.isNamed(FIELD_ID)) found = [cursor.nameAt - 1, cursor.end]
  }
  return found
}
