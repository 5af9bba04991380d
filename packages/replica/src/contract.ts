import type { Absent } from '@freshet/cache'
import type { MonotonicMs } from '@freshet/kit'
import type { Bytes, Id, Lineage, Position, SourceId, SourcePosition } from '@freshet/protocol'

/** Makes the value to cache from a document's bytes, once per version. */
export interface Encoder<V> {
  /** Must copy what it keeps: `document` is valid only during the call. Must not throw. */
  readonly encode: (document: Bytes) => V
  /**
   * The size of a value in bytes. Counted against the budget, plus a constant per entry. Fractions are rounded up. Must
   * not throw.
   */
  readonly sizeOf: (value: V) => number
}

/** How an answer was obtained; for `many`, the slowest of its parts. */
export type Via = 'hit' | 'miss' | 'collapsed'

/** One state of the database: every value is the document as of `at`. */
export interface Answer<V> {
  readonly source: SourceId
  readonly at: Position
  /** In the order of the requested ids. */
  readonly values: readonly (V | Absent)[]
  readonly via: Via
  /** Whether all values are now cached. False for documents that change faster than they can be read. */
  readonly stored: boolean
}

export interface ReadOptions {
  /**
   * Answer from a state at or after this position. `now` means at least the majority state at the time of the call. A
   * position without a source is assumed to be of the current source.
   */
  readonly atLeast?: Position | SourcePosition | 'now'
  /** The longest wait for the position, in milliseconds. Default: `waitMs`, otherwise the option `positionWaitMs`. */
  readonly positionWaitMs?: number
  /** The longest wait for position and documents together, in milliseconds. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/** The state of a replica. `watermark.ts` has the transitions. */
export type ReplicaState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lagging'; readonly since: MonotonicMs }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'stopped' }

/** For operators. Counters start at zero with the process. */
export interface ReplicaStatus {
  readonly state: ReplicaState
  readonly source: SourceId | undefined
  readonly epoch: number
  readonly at: Position
  /** The source's clock at {@link at}, in milliseconds since 1970; `undefined` if positions do not carry time. */
  readonly wallTimeMs: number | undefined
  /** Milliseconds since the state was last proved current; `undefined` before the first proof. */
  readonly ageMs: number | undefined
  /** Whether a majority of the source sent a heartbeat or more within `aliveWithinMs`. */
  readonly proved: boolean
  readonly entries: number
  readonly bytes: number
  /** The budget of {@link bytes}: the option `cacheBytes`. */
  readonly maxBytes: number
  readonly hits: number
  readonly misses: number
  readonly fills: number
  readonly refills: number
  /** Cached documents read again because another program changed them in place. */
  readonly refreshes: number
  readonly evictions: number
  readonly changesApplied: number
  readonly reopens: number
  /** The code of the error that interrupted the feed; `undefined` while it runs. */
  readonly brokenBy: string | undefined
  readonly resyncs: Readonly<Record<string, number>>
  readonly refusedCollections: Readonly<Record<string, string>>
}

/** Common to every change of one document. */
interface OfDocument {
  readonly collection: string
  readonly id: Id
  /** The handlers the change descends from; missing if none is known. */
  readonly cause?: Lineage
}

/** One document that changed. */
export type ChangedDocument<V> =
  /** Inserted or replaced; `document` is the complete new state. */
  | (OfDocument & { readonly kind: 'upsert'; readonly document: V })
  | (OfDocument & { readonly kind: 'delete' })
  /** Changed, but the new state is unknown: read it. */
  | (OfDocument & { readonly kind: 'invalidate' })

/** What subscribers receive: changes of documents, or `reset`, after which they must read everything again. */
export type Notification<V> =
  | {
      readonly kind: 'changes'
      /** In the source's order. Includes every matching change since the previous notification, through `at`. */
      readonly changes: readonly ChangedDocument<V>[]
      readonly at: Position
    }
  | { readonly kind: 'reset'; readonly reason: string; readonly at: Position }

export interface SubscribeOptions {
  /** Ends the subscription. */
  readonly signal: AbortSignal
  /** The collections to subscribe to. Changes of other collections cost nothing. Default: all. */
  readonly collections?: readonly string[]
}

/** An exact past state of a database that moves forward: a feed, a cache and point reads. */
export interface Replica<V> extends AsyncDisposable {
  /** Starts to follow the source. Resolves at the first proof (the replica is live) or when `close` is called. */
  start(): Promise<void>
  /** W, the watermark: the position of all cached values. Never falls within one source. */
  readonly at: Position
  /** {@link at} as header text, `<source>.<position>`, formatted once per batch; `undefined` before the source is known. */
  readonly positionText: string | undefined
  /** When the state was last proved current; for `Age`. */
  readonly provedAt: MonotonicMs
  /** When a majority of the source last sent a sign of life. */
  readonly aliveAt: MonotonicMs
  readonly state: ReplicaState
  /**
   * The hot path: the value cached under `<collection>/<id>` at {@link at}, in one lookup and without a promise.
   * `undefined` if it is not cached or nothing may be served now; {@link get} then reads it or throws the reason.
   */
  peek(key: string): V | Absent | undefined
  /**
   * For operators: what a request for `<collection>/<id>` would find in memory, whatever the state. Counts neither as a request
   * nor as a use of the entry. `undefined`: the source would be read.
   */
  inspect(key: string): V | Absent | undefined
  /** @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, SOURCE_UNKNOWN, UNKNOWN_COLLECTION, BAD_ID, COLLECTION_NOT_EXACT, SOURCE_REFUSED, UNAVAILABLE, ANSWER_TOO_LARGE, TOO_MANY_WAITERS, CANCELLED, STOPPED */
  get(collection: string, id: Id, options?: ReadOptions): Promise<Answer<V>>
  /** Several documents of one collection, all from one position. Errors as {@link get}. */
  many(collection: string, ids: readonly Id[], options?: ReadOptions): Promise<Answer<V>>
  /** Resolves when {@link at} has reached `position`. @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, SOURCE_REFUSED, TOO_MANY_WAITERS, STOPPED */
  atLeast(
    position: Position | SourcePosition,
    options?: Pick<ReadOptions, 'waitMs' | 'signal'>,
  ): Promise<void>
  /** Waits until the replica includes the majority state at the time of the call. Resolves with that position. */
  now(options?: Pick<ReadOptions, 'waitMs' | 'signal'>): Promise<Position>
  /**
   * Delivers every change from this call on, in order, until `signal` aborts. A subscriber more than
   * `maxSubscriptionBytes` behind receives a `reset`.
   */
  changes(options: SubscribeOptions): AsyncIterable<Notification<V>>
  status(): ReplicaStatus
  /** Stops the replica; disposing does the same. Pending reads fail with STOPPED. Idempotent; resolves when stopped. */
  close(): Promise<void>
}
