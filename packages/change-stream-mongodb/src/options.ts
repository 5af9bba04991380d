/** Limits of a source in MongoDB. */
export interface MongoSourceOptions {
  /** How long the server may hold an empty reply back; the idle feed proves its freshness this often. */
  readonly maxAwaitMs: number
  /** The longest wait for any reply beyond that; then the connection counts as broken. */
  readonly replyWithinMs: number
  /** That wait doubles for the feed while its replies are late, up to this; one that is later still ends the epoch. */
  readonly longestReplyMs: number
  /** The longest work of the server for one snapshot read. */
  readonly pastReadMs: number
  /** Bytes of one transaction that are held back with their contents; above it only the keys are. */
  readonly maxOpenBytes: number
  /** Behind by more than this, a feed is given up: the server forgets the past after 300 s by default. */
  readonly maxBehindSeconds: number
  /** The most changes in one reply: they are applied in one turn, and hold up everything else for so long. */
  readonly batchSize: number
}

/** What fits a server with the default snapshot window of 300 seconds. */
export const defaultMongoSourceOptions: MongoSourceOptions = Object.freeze({
  maxAwaitMs: 100,
  replyWithinMs: 5_000,
  longestReplyMs: 60_000,
  pastReadMs: 5_000,
  maxOpenBytes: 64 * 1024 * 1024,
  maxBehindSeconds: 240,
  batchSize: 1_000,
})
