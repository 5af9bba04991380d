import type { JsonObject, JsonValue } from '@freshet/collections'
import type { Id, IdType } from '@freshet/protocol'
import type { StoredDocument } from './store/contract.ts'

/** How documents are read from bodies, stored and shown. Pure; the package `collections` holds the rules. */
export interface Encoding {
  /** The JSON of a body. @throws {ProblemError} with the place that is wrong. */
  readonly read: (body: Uint8Array) => JsonValue
  /** BSON with `_id` first; the member `id` is left out for it. */
  readonly store: (document: JsonObject, idType: IdType, id: Id) => StoredDocument
  /** The one mapping to JSON. Never throws. */
  readonly present: (stored: StoredDocument) => Buffer
  /** With its quotes. */
  readonly etagOf: (json: Uint8Array) => string
  /** Where the first value stands that JSON cannot carry. */
  readonly notPlain: (stored: StoredDocument) => string | undefined
  /** RFC 7396 and RFC 6902, on what is stored. @throws {ProblemError} bad-patch, not-plain-json, … */
  readonly mergePatch: (stored: StoredDocument, patch: JsonValue, lenient: boolean) => StoredDocument
  readonly jsonPatch: (stored: StoredDocument, patch: JsonValue, lenient: boolean) => StoredDocument
}
