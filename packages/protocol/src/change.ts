import type { Lineage } from './lineage.ts'

/** A document in the source's own encoding. */
export type Bytes = Uint8Array

/**
 * The `_id` of a document as the text that stands in its URL. Each collection declares one {@link IdType}; values that
 * a source holds equal (the int 5, the double 5.0, the decimal 5.00) have one text. Documents whose `_id` is of another
 * type are not part of the collection: no change names them.
 */
export type Id = string

/** Which values of `_id` belong to a collection. */
export type IdType = 'string' | 'objectid' | 'integer' | 'uuid'

/** What every change of one document says. */
interface OfDocument {
  readonly collection: string
  readonly id: Id
  /** Which handlers it descends from, where the writer was told; absent: nobody's, as far as is known. */
  readonly cause?: Lineage
}

/** The document was inserted or replaced; `document` is its whole new state. */
export interface Upsert extends OfDocument {
  readonly kind: 'upsert'
  /** Valid only until the consumer's next `await`: copy what is kept. */
  readonly document: Bytes
}

/** The document was deleted. */
export interface Delete extends OfDocument {
  readonly kind: 'delete'
}

/** The document changed, or may have; its new content is not in the event. */
export interface Invalidate extends OfDocument {
  readonly kind: 'invalidate'
}

/** The collection was dropped or renamed away: every document of it is gone. */
export interface DropCollection {
  readonly kind: 'drop-collection'
  readonly collection: string
}

/** Another collection was renamed onto this one, or its definition changed: every document of it may have changed. */
export interface InvalidateCollection {
  readonly kind: 'invalidate-collection'
  readonly collection: string
}

/** Something happened that can only be answered by forgetting everything (drop of the database, an unknown event). */
export interface InvalidateAll {
  readonly kind: 'invalidate-all'
}

/** What happened to one document. */
export type DocumentChange = Upsert | Delete | Invalidate

/** What happened, in words that every source can say. */
export type Change = DocumentChange | DropCollection | InvalidateCollection | InvalidateAll
