import type { BackoffOptions } from '@freshet/kit'

/** Limits of a replica; every queue, wait and read has one. */
export interface ReplicaOptions {
  /** Bytes of all held entries together, overhead of the entries included. */
  readonly cacheBytes: number
  /** Bytes of what is under way beside the cache: reads of documents, and documents that answers wait with. */
  readonly inFlightBytes: number
  /** The longest wait for a position when the caller names none. */
  readonly positionWaitMs: number
  /** The longest wait for documents that are not held, when the caller names none. */
  readonly fillWaitMs: number
  /** The longest single read of the source; then it is given up and sent again while somebody waits. */
  readonly sourceReadMs: number
  /** Callers that may wait for positions at the same time. */
  readonly maxWaiters: number
  /** Reads of documents that are not held that may be under way at the same time. */
  readonly maxReads: number
  /** Reads that may be sent to the source at the same time. */
  readonly maxSourceReads: number
  /** Bytes of an answer of several documents, by the encoder's `sizeOf`. One alone may have any size. */
  readonly maxAnswerBytes: number
  /** A position further ahead than this by the source's clock is refused at once. */
  readonly maxAheadMs: number
  /** Without a proof for this long the replica calls itself lagging; it goes on answering. */
  readonly lagAfterMs: number
  /** Without a sign of life of the source's majority for this long, `proved` is false. */
  readonly aliveWithinMs: number
  /** Bytes of documents that one subscriber may be behind before it hears `reset` instead, by the encoder's `sizeOf`. */
  readonly maxSubscriptionBytes: number
  /** Waits between attempts of reads that failed; below 2,000 ms for the longest they come faster than once a second. */
  readonly retry: BackoffOptions
}

const MiB = 1024 * 1024

/** What fits a service with a few hundred requests at once; spread it and change what must differ. */
export const defaultReplicaOptions: ReplicaOptions = Object.freeze({
  cacheBytes: 256 * MiB,
  inFlightBytes: 64 * MiB,
  positionWaitMs: 1_000,
  fillWaitMs: 5_000,
  sourceReadMs: 5_000,
  maxWaiters: 1_000,
  maxReads: 10_000,
  maxSourceReads: 8,
  maxAnswerBytes: 16 * MiB,
  maxAheadMs: 60_000,
  lagAfterMs: 5_000,
  aliveWithinMs: 2_000,
  maxSubscriptionBytes: 4 * MiB,
  retry: Object.freeze({ firstMs: 50, maxMs: 2_000 }),
})
