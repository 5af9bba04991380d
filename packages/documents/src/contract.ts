import type { IdType } from '@freshet/protocol'

/** One thing that is wrong with a document: where (an RFC 6901 pointer into its JSON) and what. */
export interface Issue {
  readonly pointer: string
  readonly detail: string
}

/** Who may do something: everybody, or everybody with a valid token. */
export type Access = 'public' | 'authenticated'

/** A JSON object as `JSON.parse` makes it. */
export type JsonObject = { [name: string]: JsonValue }

/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject

/** What one collection file says, checked and ready to use. Immutable. */
export interface Collection {
  /** The name of the file without `.json`, and of the folder in URLs. */
  readonly name: string
  /** The name of the collection in the database: the same, unless the file says another one. */
  readonly stored: string
  readonly idType: IdType
  /** `required`: a write of an existing document needs a condition (`If-Match` or `If-None-Match`). */
  readonly concurrency: 'optional' | 'required'
  readonly access: { readonly read: Access; readonly write: Access }
  /**
   * What is wrong with a document, as clients see it: with its `id`. Empty when it fits. The order of names does not
   * matter here, so that a plain `JSON.parse` will do. At most ten issues; of a document with more than 1,000 values
   * only the first.
   */
  validate(document: JsonObject): readonly Issue[]
}
