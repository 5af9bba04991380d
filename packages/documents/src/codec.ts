import type { Id, IdType } from '@freshet/protocol'
import type { Issue, JsonObject } from './contract.ts'

/** A document as its database stores it, whole. Only a codec, and the stores of that database, look inside. */
export type StoredDocument = Uint8Array

/** A document as clients see it: the same bytes and the same tag from the writer and from every reader. */
export interface EncodedDocument {
  /** UTF-8, in memory of its own. */
  readonly json: Buffer
  /** The strong tag of these bytes, with its quotes. */
  readonly etag: string
}

/** A document that a client sent whole, read and found storable. */
export interface ReceivedDocument {
  /** As `JSON.parse` makes it. It may take twenty times the memory of the body: let go of it before a wait. */
  readonly json: JsonObject
  /**
   * What is stored for it under this id; an `id` inside the document does not count.
   * @throws {RangeError} when the id is not valid for its type: ask `isValidId` first.
   * @throws {BodyError} forbidden-name
   */
  readonly toStored: (idType: IdType, id: Id) => StoredDocument
}

/** `merge`: RFC 7396; `json`: RFC 6902. */
export type PatchFormat = 'merge' | 'json'

/** What a patch is applied under. */
export interface PatchRules {
  /** The id of the document as clients write it. */
  readonly id: Id
  /** `Prefer: handling=lenient`: values that JSON cannot carry may be changed inside, and get lost by it. */
  readonly lenient: boolean
}

/** A patch that was read. It may be applied to several versions, and holds no parsed JSON. */
export interface Patch {
  /** What it takes in memory. */
  readonly bytes: number
  /**
   * The next version. What the patch does not touch keeps its bytes.
   * @throws {BodyError} bad-patch, id-mismatch, not-plain-json, forbidden-name, malformed-body, payload-too-large
   */
  readonly apply: (stored: StoredDocument, rules: PatchRules) => StoredDocument
}

/** The one mapping between the documents of a database and JSON. Pure; its functions need no `this`. */
export interface DocumentCodec {
  /** The largest document that the database stores, in bytes. */
  readonly maxStoredBytes: number
  /** Never throws, whatever the bytes. */
  readonly encode: (stored: StoredDocument) => EncodedDocument
  /** @throws {BodyError} malformed-body, duplicate-key, inexact-number, forbidden-name, bad-text */
  readonly readDocument: (body: Uint8Array) => ReceivedDocument
  /** @throws {BodyError} as `readDocument` */
  readonly readPatch: (format: PatchFormat, body: Uint8Array) => Patch
  /** An id that no other process makes; `undefined`: ids of this type must be given by the client. */
  readonly newId: (idType: IdType) => Id | undefined
  /** The id inside a document; `undefined`: it has none of this type. */
  readonly idOf: (idType: IdType, stored: StoredDocument) => Id | undefined
  /** The first value that JSON cannot carry: whoever replaces the document by JSON loses it. */
  readonly firstNotPlain: (stored: StoredDocument) => Issue | undefined
  /** The first value that the database would change or refuse when this version replaces another one. */
  readonly firstNotStorable: (stored: StoredDocument) => Issue | undefined
}
