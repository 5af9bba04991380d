import type { Absent, Cache, Value } from '@freshet/cache'
import type { SourceReads } from '@freshet/change-stream'
import { ByteBudget, type Clock, type Log, type MonotonicMs } from '@freshet/kit'
import type { CollectionPlace, Id, Position, SourcePosition } from '@freshet/protocol'
import { BoundedReads } from './bounded-reads.ts'
import type {
  Answer,
  Encoder,
  Notification,
  ReadOptions,
  Replica,
  ReplicaState,
  ReplicaStatus,
  SubscribeOptions,
} from './contract.ts'
import { Deadline, StopSignal } from './deadline.ts'
import { Feed } from './feed.ts'
import { LogReads } from './log-reads.ts'
import { Filler } from './filler.ts'
import { MultiGet } from './multi-get.ts'
import type { ReplicaOptions } from './options.ts'
import { ReplicationProgress } from './progress.ts'
import { Reads } from './reads.ts'
import { ServedCollections } from './served-collections.ts'
import { Snapshots } from './snapshots.ts'
import { Subscriptions } from './subscriptions.ts'
import { Watermark } from './watermark.ts'

/** Delivers the source's changes to the feed. */
export interface FollowerHandle {
  start(): void
  /** Resolves when the feed will not be called again. */
  stop(): Promise<void>
}

/** The parts of every replica, wherever its changes come from. */
export interface ReplicaBase<V extends Value> {
  /** Missing for a log, whose documents are all cached. */
  readonly reads?: SourceReads
  /** The source's clock at a position; see `ChangeSource`. */
  readonly wallTimeMs: (position: Position) => number | undefined
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly encoder: Encoder<V>
  readonly options: ReplicaOptions
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** For memory outside the cache. Default: a separate budget of `inFlightBytes`. */
  readonly budget?: ByteBudget
}

export interface ReplicaParts<V extends Value> extends ReplicaBase<V> {
  readonly cache: Cache<V>
  readonly follow: (feed: Feed<V>) => FollowerHandle
  readonly defer: (run: () => void) => void
}

/** Shares of the budget. Waiting for one does not block another. */
const READS_SHARE = 1 / 4
const LARGE_READS_SHARE = 1 / 2
const PINNED_SHARE = 1 / 4

/** Combines feed, cache and point reads. `contract.ts` documents its behavior. */
export class ExactReplica<V extends Value> implements Replica<V> {
  readonly #parts: ReplicaParts<V>
  readonly #stopSignal = new StopSignal()
  readonly #watermark: Watermark
  readonly #collections: ServedCollections
  readonly #subscriptions: Subscriptions<V>
  readonly #sourceReads: BoundedReads
  readonly #progress: ReplicationProgress
  readonly #filler: Filler<V>
  readonly #multiGet: MultiGet<V>
  readonly #reads: Reads<V>
  readonly #feed: Feed<V>
  readonly #following: FollowerHandle
  readonly #cache: Cache<V>
  #peekHits = 0
  #stopped: Promise<void> | undefined

  constructor(parts: ReplicaParts<V>) {
    const { cache, encoder, options, clock, random, log, wallTimeMs } = parts
    const { retry, maxAnswerBytes } = options
    const budget = parts.budget ?? new ByteBudget({ maxBytes: options.inFlightBytes, clock })
    const stopSignal = this.#stopSignal
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
    const { defer } = parts
    const filler = new Filler({ cache, sourceReads, encoder, watermark, clock, random, log, retry, defer })
    const snapshots = new Snapshots({ cache, sourceReads, watermark, collections, encoder, maxAnswerBytes })
    const pins = budget.part('pinned', Math.max(budget.maxBytes * PINNED_SHARE, maxAnswerBytes))
    const multiGet = new MultiGet({
      cache,
      encoder,
      watermark,
      progress,
      filler,
      snapshots,
      pinBudget: pins,
      maxAnswerBytes,
    })
    this.#parts = parts
    this.#cache = cache
    this.#watermark = watermark
    this.#subscriptions = subscriptions
    this.#sourceReads = sourceReads
    this.#collections = collections
    this.#progress = progress
    this.#filler = filler
    this.#multiGet = multiGet
    this.#reads = new Reads({
      cache,
      collections,
      watermark,
      progress,
      filler,
      multiGet,
      clock,
      stopSignal,
      positionWaitMs: options.positionWaitMs,
      fillWaitMs: options.fillWaitMs,
      maxReads: options.maxReads,
    })
    const resume = (): void => filler.resume()
    this.#feed = new Feed({ cache, encoder, watermark, collections, subscriptions, log, resume })
    this.#following = parts.follow(this.#feed)
  }

  get at(): Position {
    return this.#watermark.at
  }

  get positionText(): string | undefined {
    return this.#watermark.positionText
  }

  get provedAt(): MonotonicMs {
    return this.#watermark.provedAt
  }

  get aliveAt(): MonotonicMs {
    return this.#watermark.aliveAt
  }

  get state(): ReplicaState {
    return this.#watermark.state
  }

  async start(): Promise<void> {
    this.#following.start()
    while (!this.#watermark.serving && this.state.kind !== 'stopped') await this.#watermark.stateChanged
  }

  peek(key: string): V | Absent | undefined {
    if (!this.#watermark.serving) return undefined
    if (this.#collections.blocked > 0 && this.#collections.isBlocked(key.slice(0, key.indexOf('/'))))
      return undefined
    const value = this.#cache.peek(key)
    if (value !== undefined) this.#peekHits += 1
    return value
  }

  get(collection: string, id: Id, options: ReadOptions = {}): Promise<Answer<V>> {
    return this.#reads.get(collection, id, options)
  }

  many(collection: string, ids: readonly Id[], options: ReadOptions = {}): Promise<Answer<V>> {
    return this.#reads.many(collection, ids, options)
  }

  async atLeast(
    position: Position | SourcePosition,
    options: Pick<ReadOptions, 'waitMs' | 'signal'> = {},
  ): Promise<void> {
    await this.#reach(position, options)
  }

  async now(options: Pick<ReadOptions, 'waitMs' | 'signal'> = {}): Promise<Position> {
    return await this.#reach('now', options)
  }

  changes(options: SubscribeOptions): AsyncIterable<Notification<V>> {
    return this.#subscriptions.subscribe(options)
  }

  status(): ReplicaStatus {
    const { clock, options } = this.#parts
    const { provedAt, aliveAt, source, at } = this.#watermark
    const now = clock.now()
    return {
      state: this.state,
      source,
      wallTimeMs: source === undefined ? undefined : this.#parts.wallTimeMs(at),
      epoch: this.#cache.epoch,
      at,
      ageMs: Number.isFinite(provedAt) ? now - provedAt : undefined,
      proved: now - aliveAt <= options.aliveWithinMs,
      entries: this.#cache.entries,
      bytes: this.#cache.bytes,
      hits: this.#peekHits + this.#reads.hits + this.#multiGet.hits,
      misses: this.#reads.misses + this.#multiGet.misses,
      fills: this.#filler.fills,
      refills: this.#filler.refills,
      evictions: this.#cache.evictions,
      changesApplied: this.#feed.changesApplied,
      reopens: this.#feed.reopens,
      brokenBy: this.#feed.brokenBy,
      resyncs: this.#feed.resyncs,
      refusedCollections: this.#collections.refused(),
    }
  }

  close(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #stop(): Promise<void> {
    this.#stopSignal.end()
    this.#watermark.stop()
    this.#collections.stop()
    this.#sourceReads.stop()
    this.#subscriptions.close()
    await this.#following.stop()
  }

  async #reach(
    wanted: NonNullable<ReadOptions['atLeast']>,
    options: Pick<ReadOptions, 'waitMs' | 'signal'>,
  ): Promise<Position> {
    const { clock } = this.#parts
    const waitMs = options.waitMs ?? this.#parts.options.positionWaitMs
    using deadline = new Deadline(clock, waitMs, this.#stopSignal, options.signal)
    await this.#progress.untilServing(deadline)
    return await this.#progress.reach(wanted, deadline)
  }
}
