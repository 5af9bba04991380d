import type {
  Collection,
  DocumentCodec,
  EncodedDocument,
  Issue,
  JsonObject,
  JsonValue,
  ReceivedDocument,
  StoredDocument,
} from '@freshet/documents'
import { isValidId, ProblemError, type Id, type IdType } from '@freshet/protocol'
import type { WriteRequest } from '../write-request.ts'

/** Largest response of a reader. A larger document could be stored but never read. */
const MAX_JSON_BYTES = 16 * 2 ** 20

/** Largest stored answer: database records are limited to 16 MiB. */
const MAX_STORED_ANSWER_BYTES = 15 * 2 ** 20

/** A version ready to be written, and its encoding as readers will return it. */
export interface NewVersion {
  readonly stored: StoredDocument
  readonly version: EncodedDocument
}

/** The version for a complete document from a client. @throws {ProblemError} */
export function newVersionOf(
  codec: DocumentCodec,
  received: ReceivedDocument,
  collection: Collection,
  id: Id,
): NewVersion {
  expectValid(collection, { ...received.json, id })
  return encoded(codec, received.toStored(collection.idType, id))
}

/** The version after a patch, validated as clients will see it. @throws {ProblemError} */
export function patchedVersionOf(
  codec: DocumentCodec,
  stored: StoredDocument,
  collection: Collection,
): NewVersion {
  expectPlainJson(codec.firstNotStorable(stored))
  const fresh = encoded(codec, stored)
  const document: JsonObject = JSON.parse(fresh.version.json.toString())
  expectValid(collection, document)
  return fresh
}

/** The driver's statement and message each hold a copy. */
const STORED_COPIES = 3

/** Memory that a version takes while it is written and returned, in bytes. */
export function costOf({ stored, version }: NewVersion): number {
  return STORED_COPIES * stored.length + version.json.length
}

/** @throws {ProblemError} not-plain-json, with a pointer. */
export function expectPlainJson(issue: Issue | undefined): void {
  if (issue !== undefined) throw new ProblemError('not-plain-json', { errors: [issue] })
}

/**
 * Number of bytes stored under an idempotency key, 0 without one. Limited to the size of a body: otherwise small
 * patches of a large document could fill the disk. @throws {ProblemError} answer-too-large
 */
export function storedAnswerBytes(
  { once, preferences }: Pick<WriteRequest, 'once' | 'preferences'>,
  { json }: EncodedDocument,
  maxBodyBytes: number,
): number {
  const maxBytes = Math.min(maxBodyBytes, MAX_STORED_ANSWER_BYTES)
  if (once === undefined || preferences.minimal) return 0
  if (json.length <= maxBytes) return json.length
  throw new ProblemError('answer-too-large', {
    detail: `With an Idempotency-Key, the answer is stored and may have at most ${maxBytes} bytes; the document has ${json.length}. Send "Prefer: return=minimal".`,
  })
}

/** The id in a body, in the form used in URLs; a number is accepted for an integer. `undefined` if invalid. */
export function idIn(given: JsonValue, idType: IdType): Id | undefined {
  const id = idType === 'integer' && typeof given === 'number' ? String(given) : given
  return typeof id === 'string' && isValidId(idType, id) ? id : undefined
}

/** A document's path, for headers. */
export function documentPath(collection: string, id: Id): string {
  // Of the characters in ids, only `|` must be escaped in a URL (RFC 3986, 3.3).
  return `/v1/${collection}/${id.includes('|') ? id.replaceAll('|', '%7C') : id}`
}

function encoded({ maxStoredBytes, encode }: DocumentCodec, stored: StoredDocument): NewVersion {
  if (stored.length > maxStoredBytes) throw tooLarge('Stored', stored.length, maxStoredBytes)
  const version = encode(stored)
  const { length } = version.json
  if (length > MAX_JSON_BYTES) throw tooLarge('As JSON', length, MAX_JSON_BYTES)
  return { stored, version }
}

function tooLarge(how: string, bytes: number, maxBytes: number): ProblemError {
  return new ProblemError('payload-too-large', {
    detail: `${how} the document has ${bytes} bytes; the limit is ${maxBytes}.`,
  })
}

function expectValid(collection: Collection, document: JsonObject): void {
  const errors = collection.validate(document)
  if (errors.length > 0) throw new ProblemError('invalid-document', { errors })
}
