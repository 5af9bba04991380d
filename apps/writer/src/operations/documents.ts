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
import type { Asked } from '../asked.ts'

/** The most that a reader answers at once: what is more could be stored, and never be read. */
const MAX_SHOWN_BYTES = 16 * 2 ** 20

/** The most that is kept of an answer: a record of a database may have 16 MiB. */
const MAX_KEPT_BYTES = 15 * 2 ** 20

/** A version that may be written, and how readers will show it. */
export interface Fresh {
  readonly stored: StoredDocument
  readonly version: EncodedDocument
}

/** What is to be stored for a document that a client sent whole. @throws {ProblemError} */
export function freshOf(
  codec: DocumentCodec,
  received: ReceivedDocument,
  collection: Collection,
  id: Id,
): Fresh {
  expectValid(collection, { ...received.json, id })
  return encoded(codec, received.toStored(collection.idType, id))
}

/** What is to be stored after a patch: judged as clients will see it. @throws {ProblemError} */
export function patchedOf(codec: DocumentCodec, stored: StoredDocument, collection: Collection): Fresh {
  expectPlainJson(codec.firstNotStorable(stored))
  const fresh = encoded(codec, stored)
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

/** @throws {ProblemError} not-plain-json, with the place. */
export function expectPlainJson(issue: Issue | undefined): void {
  if (issue !== undefined) throw new ProblemError('not-plain-json', { errors: [issue] })
}

/**
 * The bytes of an answer that are kept under a key; none without one. It must not take more room than a body may: whoever
 * sends small patches for a large document would fill the disk. @throws {ProblemError} answer-too-large
 */
export function keptBytes(
  { once, preferences }: Pick<Asked, 'once' | 'preferences'>,
  { json }: EncodedDocument,
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

function encoded({ maxStoredBytes, encode }: DocumentCodec, stored: StoredDocument): Fresh {
  if (stored.length > maxStoredBytes) throw tooLarge('Stored', stored.length, maxStoredBytes)
  const version = encode(stored)
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
