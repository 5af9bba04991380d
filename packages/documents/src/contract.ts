import type { IdType } from '@freshet/protocol'

/** One error in a document: an RFC 6901 pointer into its JSON, and a description. */
export interface Issue {
  readonly pointer: string
  readonly detail: string
}

/** Who has access: everybody, or everybody with a valid token. */
export type Access = 'public' | 'authenticated'

/** A JSON object as returned by `JSON.parse`. */
export type JsonObject = { [name: string]: JsonValue }

/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject

/** A parsed and validated collection file. Immutable. */
export interface Collection {
  /** The file name without `.json`, which is also the name in URLs. */
  readonly name: string
  /** The name in the database. Defaults to `name`. */
  readonly stored: string
  readonly idType: IdType
  /** `required`: writes to existing documents need a precondition (`If-Match` or `If-None-Match`). */
  readonly concurrency: 'optional' | 'required'
  readonly access: { readonly read: Access; readonly write: Access }
  /**
   * Validates a document as clients see it, with its `id`. Empty if valid. The order of names is irrelevant, so plain
   * `JSON.parse` is fine. Returns at most ten issues, and only the first for documents of more than 1,000 values.
   */
  validate(document: JsonObject): readonly Issue[]
}
