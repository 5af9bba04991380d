import type { Id, IdType } from '@freshet/protocol'
import type { Issue, JsonObject } from './contract.ts'

/** A complete document in the format of its database. Only a codec and that database's stores interpret it. */
export type StoredDocument = Uint8Array

/** A document as clients see it: the same bytes and ETag from the writer and every reader. */
export interface EncodedDocument {
  /** UTF-8 in a buffer of its own. */
  readonly json: Buffer
  /** The strong ETag of these bytes, with its quotes. */
  readonly etag: string
}

/** A complete document from a client, parsed and validated for storage. */
export interface ReceivedDocument {
  /** The result of `JSON.parse`. May take twenty times the memory of the body, so release it before waiting. */
  readonly json: JsonObject
  /**
   * Converts the document for storage under this id; an `id` in the document is ignored.
   * @throws {RangeError} if the id is not valid for its type; check with `isValidId` first.
   * @throws {BodyError} forbidden-name
   */
  readonly toStored: (idType: IdType, id: Id) => StoredDocument
}

/** `merge`: RFC 7396; `json`: RFC 6902. */
export type PatchFormat = 'merge' | 'json'

/** Parameters for applying a patch. */
export interface PatchRules {
  /** The document's id as clients write it. */
  readonly id: Id
  /** `Prefer: handling=lenient`: allows changes that lose values which JSON cannot represent. */
  readonly lenient: boolean
}

/** A parsed patch. May be applied to several versions. Retains no parsed JSON. */
export interface Patch {
  /** Size in memory. */
  readonly bytes: number
  /**
   * Returns the next version. Untouched values keep their bytes.
   * @throws {BodyError} bad-patch, id-mismatch, not-plain-json, forbidden-name, malformed-body, payload-too-large
   */
  readonly apply: (stored: StoredDocument, rules: PatchRules) => StoredDocument
}

/** The only mapping between a database's documents and JSON. Pure; its functions do not need `this`. */
export interface DocumentCodec {
  /** Largest document that the database stores, in bytes. */
  readonly maxStoredBytes: number
  /** Never throws, whatever the bytes. */
  readonly encode: (stored: StoredDocument) => EncodedDocument
  /** @throws {BodyError} malformed-body, duplicate-key, inexact-number, forbidden-name, bad-text */
  readonly readDocument: (body: Uint8Array) => ReceivedDocument
  /** @throws {BodyError} see `readDocument` */
  readonly readPatch: (format: PatchFormat, body: Uint8Array) => Patch
  /** A new unique id; `undefined` if the client must provide ids of this type. */
  readonly newId: (idType: IdType) => Id | undefined
  /** The document's id; `undefined` if it has none of this type. */
  readonly idOf: (idType: IdType, stored: StoredDocument) => Id | undefined
  /** The first value that JSON cannot represent and that a replacement would lose. */
  readonly firstNotPlain: (stored: StoredDocument) => Issue | undefined
  /** The first value that the database would alter or reject in a replacement. */
  readonly firstNotStorable: (stored: StoredDocument) => Issue | undefined
}
