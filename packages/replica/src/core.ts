import type { Value } from '@freshet/cache'
import { ByteBudget } from '@freshet/kit'
import type { ReplicaParts } from './create-replica.ts'
import { Feed } from './feed.ts'
import { Filler } from './filler.ts'
import { LogReads } from './log-reads.ts'
import { MultiGet } from './multi-get.ts'
import { ReplicationProgress } from './progress.ts'
import { Refresher } from './refresher.ts'
import { RefusedCollections } from './refused-collections.ts'
import { ServedCollections } from './served-collections.ts'
import { Snapshots } from './snapshots.ts'
import { BoundedReads } from './bounded-reads.ts'
import { Subscriptions } from './subscriptions.ts'
import { Watermark } from './watermark.ts'

/** What a replica is put together from. */
export interface ReplicaCore<V extends Value> {
  readonly watermark: Watermark
  readonly collections: ServedCollections
  readonly refusedCollections: RefusedCollections
  readonly subscriptions: Subscriptions<V>
  readonly sourceReads: BoundedReads
  readonly progress: ReplicationProgress
  readonly filler: Filler<V>
  readonly refresher: Refresher<V>
  readonly multiGet: MultiGet<V>
  readonly feed: Feed<V>
}

/** Shares of the budget. Waiting for one does not block another. */
const READS_SHARE = 1 / 4
const LARGE_READS_SHARE = 1 / 2
const PINNED_SHARE = 1 / 4

/** Puts feed, cache and point reads together. */
export function replicaCore<V extends Value>(parts: ReplicaParts<V>): ReplicaCore<V> {
  const { cache, encoder, options, clock, random, log, wallTimeMs, defer } = parts
  const { retry, maxAnswerBytes } = options
  const budget = parts.budget ?? new ByteBudget({ maxBytes: options.inFlightBytes, clock })
  const watermark = new Watermark(clock, options.lagAfterMs)
  const subscriptions = new Subscriptions<V>(options.maxSubscriptionBytes, encoder.sizeOf)
  const sourceReads = new BoundedReads({
    reads: parts.reads ?? new LogReads(watermark, clock),
    maxConcurrent: options.maxSourceReads,
    small: budget.part('reads', budget.maxBytes * READS_SHARE),
    large: budget.part('large_reads', budget.maxBytes * LARGE_READS_SHARE),
    readMs: options.sourceReadMs,
    clock,
    log,
  })
  const collections = new ServedCollections({
    collections: parts.collections,
    sourceReads,
    clock,
    log,
    retry,
    random,
  })
  const progress = new ReplicationProgress({
    watermark,
    collections,
    sourceReads,
    clock,
    wallTimeMs,
    maxWaiters: options.maxWaiters,
    maxAheadMs: options.maxAheadMs,
  })
  const filler = new Filler({ cache, sourceReads, encoder, watermark, clock, random, log, retry, defer })
  const snapshots = new Snapshots({ cache, sourceReads, watermark, collections, encoder, maxAnswerBytes })
  const pinBudget = budget.part('pinned', Math.max(budget.maxBytes * PINNED_SHARE, maxAnswerBytes))
  const multiGet = new MultiGet({
    cache,
    encoder,
    watermark,
    progress,
    filler,
    snapshots,
    pinBudget,
    maxAnswerBytes,
  })
  const { maxRefreshes: maxQueued, fillWaitMs: withinMs } = options
  const refresher = new Refresher({ cache, filler, watermark, clock, maxQueued, withinMs })
  const resume = (): void => filler.resume()
  const feed = new Feed({ cache, encoder, watermark, collections, subscriptions, log, resume, refresher })
  const redefined = (collection: string): void => feed.redefined(collection)
  const refusedCollections = new RefusedCollections({
    collections,
    sourceReads,
    progress,
    watermark,
    clock,
    log,
    redefined,
  })
  return {
    watermark,
    collections,
    refusedCollections,
    subscriptions,
    sourceReads,
    progress,
    filler,
    refresher,
    multiGet,
    feed,
  }
}
