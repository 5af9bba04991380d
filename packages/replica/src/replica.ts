import type { Absent, Cache, Value } from '@freshet/cache'
import type { SourceReads } from '@freshet/change-stream'
import { ByteBudget, type Clock, type Log, type MonotonicMs, type SharedNext } from '@freshet/kit'
import type { CollectionPlace, Id, Position, SourcePosition } from '@freshet/protocol'
import { ReplicationProgress } from './progress.ts'
import type {
  Answer,
  Notice,
  Encoder,
  ReadOptions,
  Replica,
  ReplicaState,
  ReplicaStatus,
} from './contract.ts'
import { Ending } from './ending.ts'
import { ReplicaError } from './errors.ts'
import { Exactness } from './exactness.ts'
import { Feed } from './feed.ts'
import { FeedReads } from './feed-reads.ts'
import { Filler } from './filler.ts'
import { newestOf } from './newest.ts'
import { Subscriptions } from './subscriptions.ts'
import type { ReplicaOptions } from './options.ts'
import { BoundedReads } from './bounded-reads.ts'
import { Deadline } from './deadline.ts'
import { Reads } from './reads.ts'
import { MultiGets } from './multi-get.ts'
import { Watermark } from './watermark.ts'

/** Whatever brings the source's changes to the feed. */
export interface Following {
  start(): void
  /** Settles when no call of the feed will come any more. */
  stop(): Promise<void>
}

/** What every replica is made of, wherever its changes come from. */
export interface ReplicaBase<V extends Value> {
  /** None for a source that is a log: then all of its documents are held. */
  readonly reads?: SourceReads
  /** What the source's clock showed at a position, as `ChangeSource` says it. */
  readonly wallTimeMs: (position: Position) => number | undefined
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly encoder: Encoder<V>
  readonly options: ReplicaOptions
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** For what is held beside the cache; default: one of its own, of `inFlightBytes`. */
  readonly budget?: ByteBudget
}

export interface ReplicaParts<V extends Value> extends ReplicaBase<V> {
  readonly cache: Cache<V>
  readonly follow: (feed: Feed<V>) => Following
  readonly defer: (run: () => void) => void
}

/** Of the budget; who waits for one of these takes nothing of the others. */
const READS_SHARE = 1 / 4
const LARGE_READS_SHARE = 1 / 2
const PINNED_SHARE = 1 / 4

/** Feed, cache and point reads put together; see the contract for what it promises. */
export class ExactReplica<V extends Value> implements Replica<V> {
  readonly #parts: ReplicaParts<V>
  readonly #ending = new Ending()
  readonly #watermark: Watermark
  readonly #exactness: Exactness
  readonly #subscriptions: Subscriptions
  readonly #sourceReads: BoundedReads
  readonly #newest: SharedNext<Position>
  readonly #progress: ReplicationProgress
  readonly #filler: Filler<V>
  readonly #reads: Reads<V>
  readonly #feed: Feed<V>
  readonly #following: Following
  readonly #cache: Cache<V>
  #peekHits = 0
  #stopped: Promise<void> | undefined

  constructor(parts: ReplicaParts<V>) {
    const { collections, options, clock, log, cache } = parts
    const { retry } = options
    const budget = parts.budget ?? new ByteBudget({ maxBytes: options.inFlightBytes, clock })
    this.#parts = parts
    this.#cache = cache
    this.#watermark = new Watermark(clock, options.lagAfterMs)
    this.#subscriptions = new Subscriptions(options.maxNotices)
    this.#sourceReads = new BoundedReads({
      reads: parts.reads ?? new FeedReads(this.#watermark, clock),
      places: options.maxPastReads,
      small: budget.part('reads', budget.maxBytes * READS_SHARE),
      large: budget.part('large_reads', budget.maxBytes * LARGE_READS_SHARE),
      readMs: options.pastReadMs,
      clock,
      log,
    })
    this.#exactness = new Exactness({
      ...parts,
      collections: collections.keys(),
      sourceReads: this.#sourceReads,
      retry,
    })
    this.#newest = newestOf(this.#sourceReads)
    this.#progress = new ReplicationProgress(this.#watermark, options, clock, parts.wallTimeMs)
    const inner = {
      ...parts,
      sourceReads: this.#sourceReads,
      watermark: this.#watermark,
      exactness: this.#exactness,
      subscriptions: this.#subscriptions,
    }
    this.#filler = new Filler({ ...inner, retry })
    const filler = this.#filler
    this.#reads = new Reads({
      ...inner,
      ...options,
      filler,
      multiGets: new MultiGets({ ...inner, ...options }),
      progress: this.#progress,
      newest: this.#newest,
      pins: budget.part('pinned', Math.max(budget.maxBytes * PINNED_SHARE, options.maxAnswerBytes)),
      ending: this.#ending,
    })
    this.#feed = new Feed({ ...inner, resume: () => filler.resume() })
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
    while (!this.#watermark.serving && this.state.kind !== 'stopped') await this.#watermark.moved
  }

  peek(key: string): V | Absent | undefined {
    if (!this.#watermark.serving) return undefined
    if (this.#exactness.blocked > 0 && this.#exactness.isBlocked(key.slice(0, key.indexOf('/'))))
      return undefined
    const value = this.#cache.peek(key)
    if (value !== undefined) this.#peekHits += 1
    return value
  }

  get(collection: string, id: Id, options: ReadOptions = {}): Promise<Answer<V>> {
    return this.#reads.read(collection, [id], options)
  }

  many(collection: string, ids: readonly Id[], options: ReadOptions = {}): Promise<Answer<V>> {
    return this.#reads.read(collection, ids, options)
  }

  async atLeast(
    position: Position | SourcePosition,
    options: Pick<ReadOptions, 'waitMs' | 'signal'> = {},
  ): Promise<void> {
    using deadline = this.#deadline(options)
    await this.#reads.untilServing(deadline)
    await this.#progress.wait(position, deadline)
  }

  async now(options: Pick<ReadOptions, 'waitMs' | 'signal'> = {}): Promise<Position> {
    using deadline = this.#deadline(options)
    await this.#reads.untilServing(deadline)
    const late = (): ReplicaError =>
      new ReplicaError('UNAVAILABLE', 'the source did not tell its newest position in time')
    const position = await deadline.race(this.#newest.ask(), late)
    await this.#progress.wait(position, deadline)
    return position
  }

  /** @param only the collections to hear of; default: all. */
  changes(signal: AbortSignal, only?: ReadonlySet<string>): AsyncIterable<Notice> {
    return this.#subscriptions.listen(signal, only)
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
      hits: this.#peekHits + this.#reads.hits,
      misses: this.#reads.misses,
      fills: this.#filler.fills,
      refills: this.#filler.refills,
      evictions: this.#cache.evictions,
      changesApplied: this.#feed.changesApplied,
      reopens: this.#feed.reopens,
      brokenBy: this.#feed.brokenBy,
      resyncs: this.#feed.resyncs,
      refusedCollections: this.#exactness.refused(),
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
    this.#ending.end()
    this.#watermark.stop()
    this.#exactness.stop()
    this.#sourceReads.stop()
    this.#subscriptions.close()
    await this.#following.stop()
  }

  #deadline(options: Pick<ReadOptions, 'waitMs' | 'signal'>): Deadline {
    const { clock } = this.#parts
    return new Deadline(
      clock,
      options.waitMs ?? this.#parts.options.positionWaitMs,
      this.#ending,
      options.signal,
    )
  }
}
