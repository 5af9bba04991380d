import type { Collection, JsonObject, JsonValue } from '@freshet/collections'
import { ProblemError, type Id } from '@freshet/protocol'
import type { Version } from '../answer.ts'
import type { Encoding } from '../encoding.ts'
import type { StoredDocument } from '../store/contract.ts'

/** The most that MongoDB stores as one document: https://www.mongodb.com/docs/manual/reference/limits/ */
const MAX_STORED_BYTES = 16 * 2 ** 20

/** A version that may be written, and how readers will show it. */
export interface Fresh {
  readonly stored: StoredDocument
  readonly version: Version
}

/** The body of a whole document. @throws {ProblemError} malformed-body */
export function asObject(value: JsonValue): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ProblemError('malformed-body', { detail: 'Wanted a JSON object.' })
}

/** What is to be stored for a document that a client sent, its `id` included. @throws {ProblemError} */
export function freshOf(encoding: Encoding, collection: Collection, document: JsonObject, id: Id): Fresh {
  expectValid(collection, document)
  return shown(encoding, encoding.store(document, collection.idType, id))
}

/** What is to be stored after a patch: judged as clients will see it. @throws {ProblemError} */
export function patchedOf(encoding: Encoding, collection: Collection, stored: StoredDocument): Fresh {
  const fresh = shown(encoding, stored)
  const document: JsonValue = JSON.parse(fresh.version.json.toString())
  expectValid(collection, asObject(document))
  return fresh
}

/** The version of what is stored. */
export function versionOf(encoding: Encoding, stored: StoredDocument): Version {
  const json = encoding.present(stored)
  return { json, etag: encoding.etagOf(json) }
}

function shown(encoding: Encoding, stored: StoredDocument): Fresh {
  if (stored.length > MAX_STORED_BYTES)
    throw new ProblemError('payload-too-large', {
      detail: `The document would have ${stored.length} bytes where it is stored; it may have ${MAX_STORED_BYTES}.`,
    })
  return { stored, version: versionOf(encoding, stored) }
}

function expectValid(collection: Collection, document: JsonObject): void {
  const errors = collection.validate(document)
  if (errors.length > 0) throw new ProblemError('invalid-document', { errors })
}
