/** "There is no such document": a fact from a read or from the feed, cached like a value. */
export const ABSENT: unique symbol = Symbol('absent')
export type Absent = typeof ABSENT

/** What may be cached: anything but `undefined` and `null`, which mean "not cached". */
export type Value = object | string | number | boolean | bigint

export interface StoreOptions<V> {
  /** Bytes of all entries, overhead included. Pinned values may exceed it while they are pinned. */
  readonly maxBytes: number
  /**
   * The bytes of one value, headers included; see `bufferBytes` and `textBytes`. Fractions are rounded up. A value whose
   * size is NaN or negative never fits and is kept only while it is pinned.
   */
  readonly sizeOf: (value: V) => number
}

export interface RecentOptions<V> {
  /** In addition to the bytes of the cached values. */
  readonly maxBytes: number
  /** Encodes a document on first read. Must copy what it keeps. If it throws, the document is not cached. */
  readonly encode: (document: Uint8Array) => V
}

export interface CacheOptions<V> extends StoreOptions<V> {
  /** Also keeps recently changed documents that are not cached. Off by default. */
  readonly recent?: RecentOptions<V>
  /**
   * Caches every document of the feed and treats any other document as absent. For feeds that start at the first document
   * and have no point reads. Nothing is evicted; see {@link Loss}.
   */
  readonly complete?: boolean
}

/**
 * Why a complete store is no longer complete.
 * - `TOO_LARGE`: the documents exceed `maxBytes`.
 * - `CONTENT_UNKNOWN`: something changed and its new state is unknown.
 */
export type Loss = 'TOO_LARGE' | 'CONTENT_UNKNOWN'

/** Where the cache keeps its entries: `PartialStore` evicts, `CompleteStore` keeps every document. */
export interface Store<V extends Value> {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  /** The value of a key that is not cached: ABSENT in a complete store, otherwise `undefined` (read it). */
  readonly missing: Absent | undefined
  /** Set when a complete store fails; the store is then empty until the next {@link clear}. */
  readonly loss: Loss | undefined
  /** `undefined` if not cached. */
  get(key: string): V | Absent | undefined
  /** As {@link get}, without counting as a use. */
  look(key: string): V | Absent | undefined
  /** Whether a change of this key matters. */
  has(key: string): boolean
  set(key: string, value: V | Absent): void
  /** Protects the key from eviction until {@link unpin} has been called as many times. */
  pin(key: string): void
  unpin(key: string): void
  /** The document changed and its new state is unknown. */
  invalidate(key: string): void
  /** Whether the value is cached and was requested since one of its last few refreshes. */
  isUsed(key: string): boolean
  /** The value was read without a request for it. */
  markRefreshed(key: string): void
  /** Every document of the collection was deleted. */
  emptyCollection(collection: string): void
  /** Every document of the collection may have changed. */
  invalidateCollection(collection: string): void
  /** Every document may have changed. */
  invalidateAll(): void
  /** Removes everything and resets `loss`. */
  clear(): void
}
