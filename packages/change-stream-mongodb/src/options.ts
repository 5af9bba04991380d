/** Limits of a MongoDB source. */
export interface MongoSourceOptions {
  /** How long the server may delay an empty reply. An idle feed proves its freshness this often. */
  readonly maxAwaitMs: number
  /** The longest wait for any reply beyond that, after which the connection counts as broken. */
  readonly replyWithinMs: number
  /** The feed's wait doubles when replies are late, up to this. A later reply ends the epoch. */
  readonly longestReplyMs: number
  /** The server's time limit for one snapshot read. */
  readonly snapshotReadMs: number
  /** Bytes of one transaction that are buffered with contents. Beyond that, only keys are kept. */
  readonly maxOpenBytes: number
  /** A feed that lags more than this starts a new epoch. The server keeps snapshots for 300 s by default. */
  readonly maxBehindSeconds: number
  /** Maximum changes per reply. A reply is applied in one turn of the event loop, which blocks everything else. */
  readonly batchSize: number
  /** After a reply with changes, the next one is requested this much later, so that it carries what has come meanwhile. */
  readonly batchEveryMs: number
}

/** Suited to a server with the default snapshot window of 300 seconds. */
export const defaultMongoSourceOptions: MongoSourceOptions = Object.freeze({
  maxAwaitMs: 100,
  replyWithinMs: 5_000,
  longestReplyMs: 60_000,
  snapshotReadMs: 5_000,
  maxOpenBytes: 64 * 1024 * 1024,
  maxBehindSeconds: 240,
  batchSize: 1_000,
  batchEveryMs: 0,
})
