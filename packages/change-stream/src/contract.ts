import type { MonotonicMs } from '@freshet/kit'
import type { Bytes, Change, Id, Position, SourceId } from '@freshet/protocol'

/** A history and a position in it. */
export interface Origin {
  readonly source: SourceId
  readonly at: Position
}

/**
 * All changes of complete positions: together with earlier batches, nothing at or before `through` is missing, and
 * nothing after it is included. Transactions are never split. Empty batches prove progress or freshness.
 */
export interface Batch {
  /** In commit order. Contents are valid only until the consumer's next `await`. */
  readonly changes: readonly Change[]
  /** The second of each change by the source's clock, since 1970. Only if the source was asked for it. */
  readonly seconds?: readonly number[]
  /** Never decreases from batch to batch. */
  readonly through: Position
  /** The latest time at which the state at `through` was proved to be current. Never decreases within a read. */
  readonly provedAt: MonotonicMs
  /**
   * The latest proof that a majority of the source was alive: a change (at least a heartbeat) that arrived while
   * current.
   */
  readonly aliveAt: MonotonicMs
}

/** The change feed of one database. `Follower` adds retries and backoff. */
export interface ChangeSource {
  /**
   * Returns the history and a position to start from now: every change after it will be delivered. A log, which has no
   * reads, starts before its first change.
   * @throws {ChangeStreamError} SOURCE_UNKNOWN, DISCONNECTED, …
   */
  start(signal: AbortSignal): Promise<Origin>
  /**
   * Yields batches of complete positions after `origin.at`, in commit order, and returns when `signal` aborts. One
   * reader at a time. On every opening, verifies before the first batch that the source is still `origin.source`.
   * @throws {ChangeStreamError} HISTORY_LOST, TOO_FAR_BEHIND, SOURCE_CHANGED: the feed cannot resume; call `start`
   * again and begin a new epoch. DISCONNECTED: read again from the last `through`. See `failures`.
   */
  read(origin: Origin, signal: AbortSignal): AsyncIterable<Batch>
  /**
   * The time of a position by the source's clock, in milliseconds since 1970; `undefined` if positions carry no time.
   * Only the source interprets positions; to everyone else they are strings that sort.
   */
  wallTimeMs(position: Position): number | undefined
}

/**
 * The result of a read. `position` is the replica's position when the read was sent.
 * - `exact`: the documents as of `position`.
 * - `fenced`: the read saw every change up to `position` and none after `until`. Once the replica has reached `until`,
 * the result is the state there, except for documents that the feed changed meanwhile.
 * - `behind-feed`: reads lag behind what the feed has already delivered. Read again.
 */
export type SourceReply =
  | {
      readonly kind: 'exact'
      readonly documents: ReadonlyMap<Id, Bytes>
      /** Documents above the limit were omitted, so a missing document proves nothing. */
      readonly limited?: true
      /** If only sizes were requested: those of existing documents, in bytes. */
      readonly sizes?: ReadonlyMap<Id, number>
    }
  | {
      readonly kind: 'fenced'
      readonly documents: ReadonlyMap<Id, Bytes>
      readonly until: Position
      /** The sizes of existing documents above the limit, which were omitted, in bytes. */
      readonly sizes?: ReadonlyMap<Id, number>
    }
  | { readonly kind: 'behind-feed' }

/** Reads from the source, for documents that a replica has not cached. A log has none. */
export interface SourceReads {
  /**
   * Reads documents for a replica at `position`; missing documents are absent from the map. At most 150 ids per call.
   * Documents above `maxDocumentBytes` may be omitted, which the reply reports, so that a few ids cannot fetch 16 MiB
   * each. With 0, returns only sizes.
   * @throws {ChangeStreamError} POSITION_UNAVAILABLE: the position is too new or too old to be read, use a later one;
   * DISCONNECTED; DENIED.
   */
  read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    signal: AbortSignal,
    maxDocumentBytes?: number,
  ): Promise<SourceReply>
  /** A position at or after everything committed before the call. */
  head(signal: AbortSignal): Promise<Position>
  /** For each collection, why it cannot be served exactly (view, capped, collation, time series), or `undefined`. */
  check(collections: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string | undefined>>
}
