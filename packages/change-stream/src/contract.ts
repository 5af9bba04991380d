import type { MonotonicMs } from '@freshet/kit'
import type { Bytes, Change, Id, Position, SourceId } from '@freshet/protocol'

/** A history and a point in it. */
export interface Origin {
  readonly source: SourceId
  readonly at: Position
}

/**
 * All changes of whole positions: nothing at or before `through` is missing (that was not in an earlier batch),
 * nothing after it is included; a transaction is never split. Empty batches are proof of progress, or of freshness.
 */
export interface Batch {
  /** In commit order. Contents are valid only until the consumer's next `await`. */
  readonly changes: readonly Change[]
  /** Never falls from batch to batch. */
  readonly through: Position
  /** The newest moment at which the state at `through` was proved the newest there was; never falls within a read. */
  readonly provedAt: MonotonicMs
  /** The newest proof that a majority of the source was alive: a change (a heartbeat at least) came while current. */
  readonly aliveAt: MonotonicMs
}

/** Where changes come from: one database's own feed. What is around it (retry, back-off) is in `Follower`. */
export interface ChangeSource {
  /**
   * Which history this is, and a position to start from now: every change after it will be seen. A log, beside which
   * nothing can be read, starts before its first change.
   * @throws {ChangeStreamError} SOURCE_UNKNOWN, DISCONNECTED, …
   */
  start(signal: AbortSignal): Promise<Origin>
  /**
   * Yields batches of whole positions after `origin.at`, in commit order, until `signal` aborts (then it returns).
   * One reader at a time. Checks at every (re-)open, before the first batch, that the source still is `origin.source`.
   * @throws {ChangeStreamError} HISTORY_LOST, TOO_FAR_BEHIND, SOURCE_CHANGED: the feed cannot go on from there, call
   *   `start` again and begin a new epoch. DISCONNECTED: read again from the last `through`. See `failures`.
   */
  read(origin: Origin, signal: AbortSignal): AsyncIterable<Batch>
  /**
   * What the source's own clock showed at a position, in milliseconds since 1970; `undefined`: its positions say nothing
   * of time. Nobody else knows what a position means: to all others it is a text that sorts.
   */
  wallTimeMs(position: Position): number | undefined
}

/**
 * What a read of the source proved. `position` is where the replica stood when the read was sent.
 * - `exact`: the documents as they were at `position`.
 * - `fenced`: the read saw every change up to `position` and none after `until`. Once a replica has reached `until`, what
 *   it brought is the state there, but for documents that the feed named meanwhile: of these the feed knows more.
 * - `behind-feed`: the source does not show yet what its feed has told already. Read again.
 */
export type SourceReply =
  | {
      readonly kind: 'exact'
      readonly documents: ReadonlyMap<Id, Bytes>
      /** Documents above the limit were left out: of an id without a document nothing is known. */
      readonly limited?: true
      /** Where only sizes were asked for: of those that are there, in bytes. */
      readonly sizes?: ReadonlyMap<Id, number>
    }
  | { readonly kind: 'fenced'; readonly documents: ReadonlyMap<Id, Bytes>; readonly until: Position }
  | { readonly kind: 'behind-feed' }

/** Reads of the source itself, beside the feed, for what a replica does not hold. A source that is a log has none. */
export interface SourceReads {
  /**
   * Reads documents for a replica that stands at `position`; ids that have none are not in the map. At most 150 ids a
   * call. One of more than `maxDocumentBytes` may be left out, which the reply says: whoever asked for a few small ones
   * would get as many of 16 MiB. With 0 the sizes are told, and no document.
   * @throws {ChangeStreamError} POSITION_UNAVAILABLE: nothing can be read for that position (yet, or any more), take a
   *   newer one; DISCONNECTED; DENIED.
   */
  read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    signal: AbortSignal,
    maxDocumentBytes?: number,
  ): Promise<SourceReply>
  /** A position that is at least as new as what was committed when this was called. */
  head(signal: AbortSignal): Promise<Position>
  /** For each collection why it cannot be served exactly (a view, capped, a collation, time series), or `undefined`. */
  check(collections: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string | undefined>>
}
