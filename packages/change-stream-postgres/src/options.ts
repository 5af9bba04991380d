/** Limits of a PostgreSQL source. */
export interface PostgresSourceOptions {
  /** How often an idle feed proves its freshness, and reports its progress to the server, in milliseconds. */
  readonly proveEveryMs: number
  /** A feed that hears nothing from the server for this long, though it asks, is given up. In milliseconds. */
  readonly silentAfterMs: number
  /** The time limit of connecting and of one statement, in milliseconds. */
  readonly replyWithinMs: number
  /** A start waits for the transactions that are running. At most this long, in milliseconds. */
  readonly startWithinMs: number
  /**
   * If the feed has not reached a fence after this time, it is moved on with a message. Visible changes may not be on disk
   * yet, and until then the server does not report them. In milliseconds.
   */
  readonly nudgeAfterMs: number
  /** Larger transactions are held as keys only, and if these exceed it too, as names of collections. */
  readonly maxOpenBytes: number
  /** Received changes that are not consumed yet. Above this, nothing more is read from the server. */
  readonly maxReadyBytes: number
}

export const defaultPostgresSourceOptions: PostgresSourceOptions = Object.freeze({
  proveEveryMs: 250,
  silentAfterMs: 30_000,
  replyWithinMs: 5_000,
  startWithinMs: 60_000,
  nudgeAfterMs: 5,
  maxOpenBytes: 64 * 1024 * 1024,
  maxReadyBytes: 1024 * 1024,
})
