import { etagOf, type Collection, type JsonObject, type JsonValue } from '@freshet/documents'
import { maxDocumentBytes, presentJson, toStored, type Body } from '@freshet/documents-mongodb'
import { isValidId, ProblemError, type Id, type IdType } from '@freshet/protocol'
import type { Version } from '../answer.ts'
import type { Asked } from '../asked.ts'
import type { StoredDocument } from '../store/contract.ts'
import { expectStorable } from './storable.ts'

/** The most that a reader answers at once: what is more could be stored, and never be read. */
const MAX_SHOWN_BYTES = 16 * 2 ** 20

/** The most that is kept of an answer: a record of the database has 16 MiB. */
const MAX_KEPT_BYTES = 15 * 2 ** 20

/** A version that may be written, and how readers will show it. */
export interface Fresh {
  readonly stored: StoredDocument
  readonly version: Version
}

/** What is to be stored for a document that a client sent whole. @throws {ProblemError} */
export function freshOf(body: Body, collection: Collection, id: Id): Fresh {
  const { idType } = collection
  expectValid(collection, { ...body.json, id })
  return shown(toStored(body, idType, id))
}

/** What is to be stored after a patch: judged as clients will see it. @throws {ProblemError} */
export function patchedOf(stored: StoredDocument, collection: Collection): Fresh {
  expectStorable(stored)
  const fresh = shown(stored)
  const document: JsonObject = JSON.parse(fresh.version.json.toString())
  expectValid(collection, document)
  return fresh
}

/** The statement and the message that the driver sends have a copy each. */
const STORED_COPIES = 3

/** What a version takes in memory while it is written and answered, in bytes. */
export function costOf({ stored, version }: Fresh): number {
  return STORED_COPIES * stored.length + version.json.length
}

/** The version of what is stored. */
export function versionOf(stored: StoredDocument): Version {
  const json = presentJson(stored)
  return { json, etag: etagOf(json) }
}

/**
 * The bytes of an answer that are kept under a key; none without one. It must not take more room than a body may: whoever
 * sends small patches for a large document would fill the disk. @throws {ProblemError} answer-too-large
 */
export function keptBytes(
  { once, preferences }: Pick<Asked, 'once' | 'preferences'>,
  { json }: Version,
  maxBodyBytes: number,
): number {
  const maxBytes = Math.min(maxBodyBytes, MAX_KEPT_BYTES)
  if (once === undefined || preferences.minimal) return 0
  if (json.length <= maxBytes) return json.length
  throw new ProblemError('answer-too-large', {
    detail: `With an Idempotency-Key the answer is kept, and may have ${maxBytes} bytes; the document has ${json.length}. Send "Prefer: return=minimal".`,
  })
}

/** The id that a body names, as the text of URLs; a number will do for an integer. `undefined`: it is none. */
export function idIn(given: JsonValue, idType: IdType): Id | undefined {
  const id = idType === 'integer' && typeof given === 'number' ? String(given) : given
  return typeof id === 'string' && isValidId(idType, id) ? id : undefined
}

/** The path of a document, for headers. */
export function documentPath(collection: string, id: Id): string {
  // Of the characters of ids only `|` may not stand in a URL as it is (RFC 3986, 3.3).
  return `/v1/${collection}/${id.includes('|') ? id.replaceAll('|', '%7C') : id}`
}

function shown(stored: StoredDocument): Fresh {
  if (stored.length > maxDocumentBytes) throw tooLarge('Stored', stored.length, maxDocumentBytes)
  const version = versionOf(stored)
  const { length } = version.json
  if (length > MAX_SHOWN_BYTES) throw tooLarge('As JSON', length, MAX_SHOWN_BYTES)
  return { stored, version }
}

function tooLarge(how: string, bytes: number, maxBytes: number): ProblemError {
  return new ProblemError('payload-too-large', {
    detail: `${how} the document has ${bytes} bytes; it may have ${maxBytes}.`,
  })
}

function expectValid(collection: Collection, document: JsonObject): void {
  const errors = collection.validate(document)
  if (errors.length > 0) throw new ProblemError('invalid-document', { errors })
}
