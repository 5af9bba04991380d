import type { Absent, Value } from './absent.ts'

export interface StoreOptions<V> {
  /** Bytes of all entries together, overhead included. Pinned values come on top while they are pinned. */
  readonly maxBytes: number
  /**
   * The bytes of one value, its own headers included; see `bufferBytes` and `textBytes`. A fraction is rounded up, and
   * what is no number fits nowhere: such a value stays only as long as it is pinned.
   */
  readonly sizeOf: (value: V) => number
}

/**
 * Why a store that must hold everything cannot.
 * - `TOO_LARGE`: the documents need more than its bytes.
 * - `CONTENT_UNKNOWN`: something changed, and the feed did not say into what.
 */
export type Loss = 'TOO_LARGE' | 'CONTENT_UNKNOWN'

/** Where the cache keeps its entries: a part of them, or all. */
export interface Store<V extends Value> {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  /** What a document that is not cached is: absent where all are; `undefined`: it must be read. */
  readonly missing: Absent | undefined
  /** Set as soon as the store is not what it promises to be, until the next {@link clear}; nothing is cached then. */
  readonly loss: Loss | undefined
  /** `undefined`: not cached. */
  get(key: string): V | Absent | undefined
  /** Whether a change of this key matters. */
  has(key: string): boolean
  set(key: string, value: V | Absent): void
  /** Keeps the key from being evicted until {@link unpin} was called as often. */
  pin(key: string): void
  unpin(key: string): void
  /** The document changed, nobody said into what. */
  invalidate(key: string): void
  /** Every document of the collection is gone. */
  emptyCollection(collection: string): void
  /** Every document of the collection may have changed. */
  invalidateCollection(collection: string): void
  /** Every document may have changed. */
  invalidateAll(): void
  /** Forgets all, for a new beginning. */
  clear(): void
}
