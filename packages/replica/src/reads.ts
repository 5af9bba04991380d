import { ABSENT, type Cache, type Value } from '@freshet/cache'
import type { Clock } from '@freshet/kit'
import type { Id } from '@freshet/protocol'
import type { Answer, ReadOptions, Via } from './contract.ts'
import { Deadline, type StopSignal } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { FillResult, FillTicket } from './fill-job.ts'
import type { Filler } from './filler.ts'
import { expectSource, fillTimeout, type Floor } from './floor.ts'
import type { MultiGet } from './multi-get.ts'
import type { ReplicationProgress } from './progress.ts'
import type { ServedCollections } from './served-collections.ts'
import type { Watermark } from './watermark.ts'

export interface ReadsParts<V extends Value> {
  readonly cache: Cache<V>
  readonly collections: ServedCollections
  readonly watermark: Watermark
  readonly progress: ReplicationProgress
  readonly filler: Filler<V>
  readonly multiGet: MultiGet<V>
  readonly clock: Clock
  readonly stopSignal: StopSignal
  readonly positionWaitMs: number
  readonly fillWaitMs: number
  readonly maxReads: number
}

/** Answers reads from the cache if possible, otherwise after the necessary waits and fills. */
export class Reads<V extends Value> {
  readonly #parts: ReadsParts<V>
  #running = 0
  #hits = 0
  #misses = 0

  constructor(parts: ReadsParts<V>) {
    this.#parts = parts
  }

  /** Documents of single reads that were cached. */
  get hits(): number {
    return this.#hits
  }

  get misses(): number {
    return this.#misses
  }

  /** @throws {ReplicaError} see `Replica.get` */
  async get(collection: string, id: Id, options: ReadOptions): Promise<Answer<V>> {
    const known = this.#isReadable(collection, options)
    const cached = known ? this.#cached(collection, id) : undefined
    if (cached !== undefined && cached.values[0] !== ABSENT) return cached
    this.#parts.collections.expectIds(collection, [id])
    if (cached !== undefined) return cached
    return await this.#readWithWaits(collection, options, known, (floor, deadline) =>
      this.#fill(collection, id, floor, deadline, known),
    )
  }

  /** @throws {ReplicaError} see `Replica.many` */
  async many(collection: string, ids: readonly Id[], options: ReadOptions): Promise<Answer<V>> {
    const [only] = ids
    if (only !== undefined && ids.length === 1) return await this.get(collection, only, options)
    const { multiGet, collections } = this.#parts
    const known = this.#isReadable(collection, options)
    const cached = known ? multiGet.cached(collection, ids) : undefined
    if (cached !== undefined && !cached.values.includes(ABSENT)) return cached
    collections.expectIds(collection, ids)
    if (cached !== undefined) return cached
    return await this.#readWithWaits(collection, options, known, (floor, deadline) =>
      multiGet.read(collection, ids, floor, deadline),
    )
  }

  /** Whether the collection may be served from memory right now. @throws {ReplicaError} UNKNOWN_COLLECTION, COLLECTION_NOT_EXACT */
  #isReadable(collection: string, { atLeast }: ReadOptions): boolean {
    const { collections, watermark } = this.#parts
    collections.expect(collection)
    return atLeast === undefined && watermark.serving && collections.mayRead(collection)
  }

  async #readWithWaits(
    collection: string,
    options: ReadOptions,
    known: boolean,
    read: (floor: Floor, deadline: Deadline) => Promise<Answer<V>>,
  ): Promise<Answer<V>> {
    const { clock, stopSignal, fillWaitMs, maxReads } = this.#parts
    if (this.#running >= maxReads)
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#running} reads are already waiting`)
    this.#running += 1
    try {
      using deadline = new Deadline(clock, options.waitMs ?? fillWaitMs, stopSignal, options.signal)
      if (!known) await this.#reach(collection, options, deadline)
      const { source, at: position } = this.#parts.watermark
      if (source === undefined) throw new ReplicaError('SOURCE_UNKNOWN', 'no source has been followed yet')
      return await read({ source, position }, deadline)
    } finally {
      this.#running -= 1
    }
  }

  /** Waits until the collection may be served and W has reached the requested position. W never falls. */
  async #reach(
    collection: string,
    { atLeast, positionWaitMs, waitMs }: ReadOptions,
    deadline: Deadline,
  ): Promise<void> {
    const { progress } = this.#parts
    if (atLeast !== undefined) deadline.limit(positionWaitMs ?? waitMs ?? this.#parts.positionWaitMs)
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
    const { filler, progress, watermark, collections, cache } = this.#parts
    if (missed) this.#misses += 1
    let via: Via = 'hit'
    for (; ; missed = false) {
      if (!missed) {
        await progress.untilReadable(collection, deadline)
        expectSource(watermark, floor)
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
      if (watermark.serving && watermark.source === source && collections.mayRead(collection))
        return { source, at, values: [value], via, stored: cache.has(`${collection}/${id}`) }
    }
  }

  #cached(collection: string, id: Id, via: Via = 'hit'): Answer<V> | undefined {
    const { cache, watermark } = this.#parts
    const { serving, source, at } = watermark
    const value = serving ? cache.get(`${collection}/${id}`) : undefined
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
