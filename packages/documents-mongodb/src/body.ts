import { isUtf8 } from 'node:buffer'
import { BodyScan } from './body-scan.ts'
import { BsonBytes } from '@freshet/bson'
import { BodyError, type JsonObject, type JsonValue } from '@freshet/documents'

/** A body that was read: as JSON for whoever looks at it, and as BSON with every name in its place. */
export interface Body<T extends JsonValue = JsonObject> {
  /** As `JSON.parse` makes it: names that look like numbers are not in their order. */
  readonly json: T
  /** The same, as it is stored; an array is a document of its indexes. */
  readonly bson: Buffer
}

const out = new BsonBytes()

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
