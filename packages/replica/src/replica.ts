import { ABSENT, type Absent, type Cache, type Value } from '@freshet/cache'
import type { MonotonicMs } from '@freshet/kit'
import type { Id, Position, SourcePosition } from '@freshet/protocol'
import type {
  Answer,
  Notification,
  ReadOptions,
  Replica,
  ReplicaState,
  ReplicaStatus,
  SubscribeOptions,
  Via,
} from './contract.ts'
import { Deadline, StopSignal } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { FillResult, FillTicket } from './filler.ts'
import { replicaCore, type ReplicaCore } from './core.ts'
import type { FollowerHandle, ReplicaParts } from './create-replica.ts'
import type { ServedCollections } from './served-collections.ts'
import { fillTimeout } from './bounded-reads.ts'
import type { Floor, Watermark } from './watermark.ts'

type WaitOptions = Pick<ReadOptions, 'waitMs' | 'signal'>

/** Answers reads from the cache if possible, otherwise after the necessary waits and fills. `contract.ts` documents it. */
export class ExactReplica<V extends Value> implements Replica<V> {
  readonly #parts: ReplicaParts<V>
  readonly #core: ReplicaCore<V>
  readonly #cache: Cache<V>
  readonly #watermark: Watermark
  readonly #collections: ServedCollections
  readonly #following: FollowerHandle
  readonly #stopSignal = new StopSignal()
  #running = 0
  #hits = 0
  #misses = 0
  #stopped: Promise<void> | undefined

  constructor(parts: ReplicaParts<V>) {
    this.#parts = parts
    this.#core = replicaCore(parts)
    this.#cache = parts.cache
    this.#watermark = this.#core.watermark
    this.#collections = this.#core.collections
    this.#following = parts.follow(this.#core.feed)
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
    if (value !== undefined) this.#hits += 1
    return value
  }

  inspect(key: string): V | Absent | undefined {
    return this.#cache.look(key)
  }

  async get(collection: string, id: Id, options: ReadOptions = {}): Promise<Answer<V>> {
    const known = this.#isReadable(collection, options)
    const cached = known ? this.#cached(collection, id) : undefined
    if (cached !== undefined && cached.values[0] !== ABSENT) return cached
    this.#collections.expectIds(collection, [id])
    if (cached !== undefined) return cached
    return await this.#readWithWaits(collection, options, known, (floor, deadline) =>
      this.#fill(collection, id, floor, deadline, known),
    )
  }

  async many(collection: string, ids: readonly Id[], options: ReadOptions = {}): Promise<Answer<V>> {
    const [only] = ids
    if (only !== undefined && ids.length === 1) return await this.get(collection, only, options)
    const { multiGet } = this.#core
    const known = this.#isReadable(collection, options)
    const cached = known ? multiGet.cached(collection, ids) : undefined
    if (cached !== undefined && !cached.values.includes(ABSENT)) return cached
    this.#collections.expectIds(collection, ids)
    if (cached !== undefined) return cached
    return await this.#readWithWaits(collection, options, known, (floor, deadline) =>
      multiGet.read(collection, ids, floor, deadline),
    )
  }

  async atLeast(position: Position | SourcePosition, options: WaitOptions = {}): Promise<void> {
    await this.#reach(position, options)
  }

  async now(options: WaitOptions = {}): Promise<Position> {
    return await this.#reach('now', options)
  }

  changes(options: SubscribeOptions): AsyncIterable<Notification<V>> {
    return this.#core.subscriptions.subscribe(options)
  }

  status(): ReplicaStatus {
    const { clock, options, wallTimeMs } = this.#parts
    const { feed, filler, refresher, multiGet } = this.#core
    const { provedAt, aliveAt, source, at } = this.#watermark
    const now = clock.now()
    return {
      state: this.state,
      source,
      wallTimeMs: source === undefined ? undefined : wallTimeMs(at),
      epoch: this.#cache.epoch,
      at,
      ageMs: Number.isFinite(provedAt) ? now - provedAt : undefined,
      proved: now - aliveAt <= options.aliveWithinMs,
      entries: this.#cache.entries,
      bytes: this.#cache.bytes,
      maxBytes: options.cacheBytes,
      hits: this.#hits + multiGet.hits,
      misses: this.#misses + multiGet.misses,
      fills: filler.fills,
      refills: filler.refills,
      refreshes: refresher.refreshes,
      evictions: this.#cache.evictions,
      changesApplied: feed.changesApplied,
      reopens: feed.reopens,
      brokenBy: feed.brokenBy,
      resyncs: feed.resyncs,
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
    const { sourceReads, subscriptions, refresher, refusedCollections } = this.#core
    this.#stopSignal.end()
    this.#watermark.stop()
    this.#collections.stop()
    refusedCollections.stop()
    refresher.clear()
    sourceReads.stop()
    subscriptions.close()
    await this.#following.stop()
  }

  async #reach(wanted: NonNullable<ReadOptions['atLeast']>, options: WaitOptions): Promise<Position> {
    const { clock, options: defaults } = this.#parts
    const waitMs = options.waitMs ?? defaults.positionWaitMs
    using deadline = new Deadline(clock, waitMs, this.#stopSignal, options.signal)
    await this.#core.progress.untilServing(deadline)
    return await this.#core.progress.reach(wanted, deadline)
  }

  /** Whether the collection may be served from memory right now. @throws {ReplicaError} UNKNOWN_COLLECTION, COLLECTION_NOT_EXACT */
  #isReadable(collection: string, { atLeast }: ReadOptions): boolean {
    this.#collections.expect(collection)
    if (this.#collections.blocked > 0) this.#core.refusedCollections.requested(collection)
    return atLeast === undefined && this.#watermark.serving && this.#collections.mayRead(collection)
  }

  async #readWithWaits(
    collection: string,
    options: ReadOptions,
    known: boolean,
    read: (floor: Floor, deadline: Deadline) => Promise<Answer<V>>,
  ): Promise<Answer<V>> {
    const { clock, options: defaults } = this.#parts
    if (this.#running >= defaults.maxReads)
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#running} reads are already waiting`)
    this.#running += 1
    try {
      const waitMs = options.waitMs ?? defaults.fillWaitMs
      using deadline = new Deadline(clock, waitMs, this.#stopSignal, options.signal)
      if (!known) await this.#untilReadable(collection, options, deadline)
      const { source, at: position } = this.#watermark
      if (source === undefined) throw new ReplicaError('SOURCE_UNKNOWN', 'no source has been followed yet')
      return await read({ source, position }, deadline)
    } finally {
      this.#running -= 1
    }
  }

  /** Waits until the collection may be served and W has reached the requested position. W never falls. */
  async #untilReadable(collection: string, options: ReadOptions, deadline: Deadline): Promise<void> {
    const { progress } = this.#core
    const { atLeast } = options
    const positionWaitMs = options.positionWaitMs ?? options.waitMs ?? this.#parts.options.positionWaitMs
    if (atLeast !== undefined) deadline.limit(positionWaitMs)
    await progress.untilReadable(collection, deadline)
    if (atLeast !== undefined) await progress.reach(atLeast, deadline)
    deadline.limit(Infinity)
  }

  /** @param missed whether the cache was already checked in this turn. */
  async #fill(
    collection: string,
    id: Id,
    floor: Floor,
    deadline: Deadline,
    missed: boolean,
  ): Promise<Answer<V>> {
    const { filler, progress } = this.#core
    const watermark = this.#watermark
    if (missed) this.#misses += 1
    let via: Via = 'hit'
    for (; ; missed = false) {
      if (!missed) {
        await progress.untilReadable(collection, deadline)
        watermark.expectSource(floor)
        const cached = this.#cached(collection, id, via)
        if (cached !== undefined) return cached
        if (via === 'hit') this.#misses += 1
      }
      const ticket = filler.fill(collection, id, floor.position)
      if (!ticket.joined) via = 'miss'
      else if (via === 'hit') via = 'collapsed'
      const filled = await awaitFill(ticket, deadline)
      if (filled.kind === 'failed') throw filled.error
      if (filled.kind === 'source-changed') continue
      const { value, at } = filled
      const { source } = floor
      if (filled.kind === 'earlier') return { source, at, values: [value], via, stored: false }
      // The state at `at` is a valid answer even if W has moved on since.
      if (watermark.serving && watermark.source === source && this.#collections.mayRead(collection))
        return { source, at, values: [value], via, stored: this.#cache.has(`${collection}/${id}`) }
    }
  }

  #cached(collection: string, id: Id, via: Via = 'hit'): Answer<V> | undefined {
    const { serving, source, at } = this.#watermark
    const value = serving ? this.#cache.get(`${collection}/${id}`) : undefined
    if (value === undefined || source === undefined) return undefined
    if (via === 'hit') this.#hits += 1
    return { source, at, values: [value], via, stored: true }
  }
}

async function awaitFill<V>(ticket: FillTicket<V>, deadline: Deadline): Promise<FillResult<V>> {
  try {
    return await deadline.race(ticket.result, fillTimeout)
  } finally {
    ticket.cancel()
  }
}
