import { isUtf8 } from 'node:buffer'
import type { Id, IdType } from '@freshet/protocol'
import { serialize } from 'bson'
import { idToBson } from './ids.ts'
import { BodyScan } from './body-scan.ts'
import { BsonWriter, BsonCursor } from '@freshet/bson'
import { BodyError, type JsonObject, type JsonValue } from '@freshet/documents'

/** A body that was read: as JSON for whoever looks at it, and as BSON with every name in its place. */
export interface Body<T extends JsonValue = JsonObject> {
  /** As `JSON.parse` makes it: names that look like numbers are not in their order. */
  readonly json: T
  /** The same, as it is stored; an array is a document of its indexes. */
  readonly bson: Buffer
}

const FIELD_ID = Buffer.from('id')
const STORED_ID = Buffer.from('_id')

const out = new BsonWriter()

/**
 * Reads a body that must be an object. Nesting, keys, numbers and texts are checked before anything is done with it.
 * 3.3 to 4.7 us for 330 bytes, of which `JSON.parse` takes 1.1.
 * @throws {BodyError} malformed-body, duplicate-key, inexact-number, forbidden-name, bad-text
 */
export function readBody(bytes: Uint8Array): Body {
  const { json, bson } = read(bytes)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new BodyError('malformed-body', '', `expected a JSON object, got ${kindOf(json)}`)
  return { json, bson: bson() }
}

/** Reads a body that must be an array, as a JSON patch is. @throws {BodyError} as {@link readBody} */
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
 * The document as it is stored: `_id` first, then what the body holds in its order, without its `id`.
 * @throws {RangeError} when the id is not valid for its type: ask `isValidId` first.
 * @throws {BodyError} forbidden-name: the body has an `_id`, which `readBody` lets nobody send. Of two, MongoDB would
 *   take one and readers another.
 */
export function toStored(bson: Buffer, idType: IdType, id: Id): Buffer {
  const head = serialize({ _id: idToBson(idType, id) })
  const [from, to] = idIn(bson)
  // Of each part without its length and its final zero.
  const length = head.length + bson.length - 5 - (to - from)
  const stored = Buffer.allocUnsafeSlow(length)
  stored.writeInt32LE(length, 0)
  stored.set(head.subarray(4, -1), 4)
  const at = head.length - 1
  bson.copy(stored, at, 4, from)
  bson.copy(stored, at + from - 4, to)
  return stored
}

/** Where the element `id` begins and ends; both the same when there is none. Looks at every name of the top. */
function idIn(bson: Buffer): readonly [number, number] {
  let found: readonly [number, number] = [4, 4]
  const cursor = new BsonCursor(bson)
  while (cursor.next()) {
    if (cursor.isNamed(STORED_ID))
      throw new BodyError('forbidden-name', '/_id', "expected 'id' for the id of the document, got '_id'")
    if (cursor.isNamed(FIELD_ID)) found = [cursor.nameAt - 1, cursor.end]
  }
  return found
}
