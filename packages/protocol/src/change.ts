import type { Lineage } from './lineage.ts'

/** A document in the source's own encoding. */
export type Bytes = Uint8Array

/**
 * A document's `_id` in the form used in URLs. Each collection declares an {@link IdType}. Values that a source treats
 * as equal (int 5, double 5.0, decimal 5.00) have the same form. Documents with an `_id` of another type are not part
 * of the collection.
 */
export type Id = string

/** The type of `_id` in a collection. */
export type IdType = 'string' | 'objectid' | 'integer' | 'uuid'

/** Common to all changes of one document. */
interface OfDocument {
  readonly collection: string
  readonly id: Id
  /** The handlers that led to this change, if the writer knew; otherwise absent. */
  readonly cause?: Lineage
}

/** The document was inserted or replaced; `document` is its complete new state. */
export interface Upsert extends OfDocument {
  readonly kind: 'upsert'
  /** Only valid until the consumer's next `await`: copy what you keep. */
  readonly document: Bytes
}

/** The document was deleted. */
export interface Delete extends OfDocument {
  readonly kind: 'delete'
}

/** The document changed, or may have; the event does not contain its new content. */
export interface Invalidate extends OfDocument {
  readonly kind: 'invalidate'
}

/** The collection was dropped or renamed; all its documents are deleted. */
export interface DropCollection {
  readonly kind: 'drop-collection'
  readonly collection: string
}

/** Another collection was renamed to this name, or the definition changed: every document may have changed. */
export interface InvalidateCollection {
  readonly kind: 'invalidate-collection'
  readonly collection: string
}

/** Everything must be invalidated (the database was dropped, or an unknown event). */
export interface InvalidateAll {
  readonly kind: 'invalidate-all'
}

/** A change of one document. */
export type DocumentChange = Upsert | Delete | Invalidate

/** A change that any source can emit. */
export type Change = DocumentChange | DropCollection | InvalidateCollection | InvalidateAll
