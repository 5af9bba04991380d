import type { BackoffOptions } from '@freshet/kit'

/** The limits of a replica: every queue, wait and read has one. */
export interface ReplicaOptions {
  /** Bytes of all cached entries, overhead included. */
  readonly cacheBytes: number
  /** Bytes in flight outside the cache: reads of documents, and documents pinned for incomplete answers. */
  readonly inFlightBytes: number
  /** Default of the longest wait for a position. */
  readonly positionWaitMs: number
  /** Default of the longest wait for documents that are not cached. */
  readonly fillWaitMs: number
  /** Timeout of one read of the source. It is retried while a caller waits. */
  readonly sourceReadMs: number
  /** The most callers waiting for positions at the same time. */
  readonly maxWaiters: number
  /** The most calls waiting for documents at the same time. */
  readonly maxReads: number
  /** The most concurrent reads of the source. */
  readonly maxSourceReads: number
  /**
   * The most cached documents waiting to be read again because another program changed them in place. Others are dropped, as
   * all are with 0.
   */
  readonly maxRefreshes: number
  /** Bytes of an answer of several documents, by the encoder's `sizeOf`. A single document may have any size. */
  readonly maxAnswerBytes: number
  /** A position further ahead than this by the source's clock is refused immediately. */
  readonly maxAheadMs: number
  /** Without a proof for this long the replica is lagging. It continues to answer. */
  readonly lagAfterMs: number
  /** Without a sign of life from a majority for this long, `proved` is false. */
  readonly aliveWithinMs: number
  /** Bytes that may be queued for one subscriber before it receives `reset` instead, by the encoder's `sizeOf`. */
  readonly maxSubscriptionBytes: number
  /** Back-off of failed reads. With `maxMs` below 2,000 the source may be read more than once a second. */
  readonly retry: BackoffOptions
}

const MiB = 1024 * 1024

/** Suits a service with a few hundred concurrent requests. Spread it and override what differs. */
export const defaultReplicaOptions: ReplicaOptions = Object.freeze({
  cacheBytes: 256 * MiB,
  inFlightBytes: 64 * MiB,
  positionWaitMs: 1_000,
  fillWaitMs: 5_000,
  sourceReadMs: 5_000,
  maxWaiters: 1_000,
  maxReads: 10_000,
  maxSourceReads: 8,
  maxRefreshes: 50_000,
  maxAnswerBytes: 16 * MiB,
  maxAheadMs: 60_000,
  lagAfterMs: 5_000,
  aliveWithinMs: 2_000,
  maxSubscriptionBytes: 4 * MiB,
  retry: Object.freeze({ firstMs: 50, maxMs: 2_000 }),
})
