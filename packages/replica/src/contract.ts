import type { Absent } from '@freshet/cache'
import type { MonotonicMs } from '@freshet/kit'
import type { Bytes, Id, Lineage, Position, SourceId, SourcePosition } from '@freshet/protocol'

/** What the replica keeps of a document, made once per version from the source's bytes. */
export interface Encoder<V> {
  /** Must copy what it keeps: `document` is valid during the call only. Must not throw. */
  readonly encode: (document: Bytes) => V
  /**
   * What the value costs in bytes; counted against the budget, with a constant for the entry around it. A fraction is
   * rounded up; must not throw.
   */
  readonly sizeOf: (value: V) => number
}

/** How an answer came to be; for `many`, the worst of its parts. */
export type Via = 'hit' | 'miss' | 'collapsed'

/** One state of the database: every value is the document as it was at `at`. */
export interface Answer<V> {
  readonly source: SourceId
  readonly at: Position
  /** In the order of the ids asked for. */
  readonly values: readonly (V | Absent)[]
  readonly via: Via
  /** Whether all values are resident now; a document that changes faster than it can be read is not. */
  readonly stored: boolean
}

export interface ReadOptions {
  /**
   * Answer from a state at or after this position; `now`: at least as new as the majority state at the call. A position
   * without its source is taken as one of the source that is followed.
   */
  readonly atLeast?: Position | SourcePosition | 'now'
  /** The longest wait for the position, in milliseconds; default: `waitMs`, or else `positionWaitMs` of the options. */
  readonly positionWaitMs?: number
  /** The longest wait for position and documents together, in milliseconds. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/** Life of a replica; transitions are the pure function in `state.ts`. */
export type ReplicaState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lagging'; readonly since: MonotonicMs }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'stopped' }

/** What an operator sees; all counters start at zero with the process. */
export interface ReplicaStatus {
  readonly state: ReplicaState
  readonly source: SourceId | undefined
  readonly epoch: number
  readonly at: Position
  /** What the source's clock showed at {@link at}, in milliseconds since 1970; `undefined`: positions do not say. */
  readonly wallTimeMs: number | undefined
  /** Milliseconds since the state was last proved to be the newest; `undefined` before the first proof. */
  readonly ageMs: number | undefined
  /** Whether a majority of the source was heard alive within `aliveWithinMs` (a heartbeat at least). */
  readonly proved: boolean
  readonly entries: number
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  readonly fills: number
  readonly refills: number
  readonly evictions: number
  readonly changesApplied: number
  readonly reopens: number
  /** Why the feed does not run now, by the code of its last error; `undefined` while it runs. */
  readonly brokenBy: string | undefined
  readonly resyncs: Readonly<Record<string, number>>
  readonly refusedCollections: Readonly<Record<string, string>>
}

/** What every change of one document says. */
interface OfDocument {
  readonly collection: string
  readonly id: Id
  /** The handlers that it descends from; absent: nobody's, as far as is known. */
  readonly cause?: Lineage
}

/** One document that changed. */
export type ChangedDocument<V> =
  /** It was inserted or replaced; `document` is its whole new state. */
  | (OfDocument & { readonly kind: 'upsert'; readonly document: V })
  | (OfDocument & { readonly kind: 'delete' })
  /** It changed, and the source did not say into what: read it. */
  | (OfDocument & { readonly kind: 'invalidate' })

/** What subscribers hear: how documents changed, or that they must read everything anew. */
export type Notification<V> =
  | {
      readonly kind: 'changes'
      /** In the source's order; all that the subscriber wants of the positions since the notification before, up to `at`. */
      readonly changes: readonly ChangedDocument<V>[]
      readonly at: Position
    }
  | { readonly kind: 'reset'; readonly reason: string; readonly at: Position }

export interface SubscribeOptions {
  /** Ends the subscription. */
  readonly signal: AbortSignal
  /** The collections to hear of; what changes elsewhere costs nothing. Default: all. */
  readonly collections?: readonly string[]
}

/** One exact past state of a database that moves forward: feed + cache + point reads. */
export interface Replica<V> extends AsyncDisposable {
  /** Begins to follow; settles when the first proof came (the replica is live) or `close` was called. */
  start(): Promise<void>
  /** The position that resident values are true at. Never falls. */
  readonly at: Position
  /** The text of the position header for {@link at}: `<source>.<position>`; made once per batch. `undefined` before the source is known. */
  readonly positionText: string | undefined
  /** When the state was last proved the newest; for `Age`. */
  readonly provedAt: MonotonicMs
  readonly aliveAt: MonotonicMs
  readonly state: ReplicaState
  /**
   * The hot path: the value held under `<collection>/<id>` at {@link at}, in one look-up and without a promise.
   * `undefined`: not held, or nothing may be served now; then call {@link get}, which says why.
   */
  peek(key: string): V | Absent | undefined
  /** @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, SOURCE_UNKNOWN, UNKNOWN_COLLECTION, BAD_ID, COLLECTION_NOT_EXACT, UNAVAILABLE, ANSWER_TOO_LARGE, TOO_MANY_WAITERS, CANCELLED, STOPPED */
  get(collection: string, id: Id, options?: ReadOptions): Promise<Answer<V>>
  /** Several documents of one collection, all from one position. Errors as {@link get}. */
  many(collection: string, ids: readonly Id[], options?: ReadOptions): Promise<Answer<V>>
  /** Settles when {@link at} has reached `position`. @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, TOO_MANY_WAITERS, STOPPED */
  atLeast(
    position: Position | SourcePosition,
    options?: Pick<ReadOptions, 'waitMs' | 'signal'>,
  ): Promise<void>
  /** Settles when the replica is at least as new as the majority state at the call; resolves with that position. */
  now(options?: Pick<ReadOptions, 'waitMs' | 'signal'>): Promise<Position>
  /**
   * Hears of every change from now on, in order, until `signal` aborts; a subscriber that is behind by more than
   * `maxSubscriptionBytes` gets a `reset`.
   */
  changes(options: SubscribeOptions): AsyncIterable<Notification<V>>
  status(): ReplicaStatus
  /** Stops, as disposing does; pending reads fail with STOPPED. Twice is fine; settles when really ended. */
  close(): Promise<void>
}
