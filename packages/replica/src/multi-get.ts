import { ABSENT, MAX_RETRIES, type Absent, type Cache, type Value } from '@freshet/cache'
import type { ByteLease, BytePart } from '@freshet/kit'
import type { Id, Position, SourceId } from '@freshet/protocol'
import { PinnedKeys, answerTooLarge, isWithin, type PinFailure } from './pinned-keys.ts'
import type { Answer, Encoder, Via } from './contract.ts'
import type { Deadline } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { Filler, FillResult, FillTicket } from './filler.ts'
import type { ReplicationProgress } from './progress.ts'
import { fillTimeout, SMALL_BYTES } from './bounded-reads.ts'
import type { Snapshots } from './snapshots.ts'
import type { Floor, Watermark } from './watermark.ts'

export interface MultiGetParts<V extends Value> {
  readonly cache: Cache<V>
  readonly encoder: Encoder<V>
  readonly watermark: Watermark
  readonly progress: ReplicationProgress
  readonly filler: Filler<V>
  readonly snapshots: Snapshots<V>
  /** Budget for documents pinned until the answer is complete. */
  readonly pinBudget: BytePart
  readonly maxAnswerBytes: number
}

/** Reads several documents of one collection at one position. Cached ones stay pinned while the rest is fetched. */
export class MultiGet<V extends Value> {
  readonly #parts: MultiGetParts<V>
  #hits = 0
  #misses = 0

  constructor(parts: MultiGetParts<V>) {
    this.#parts = parts
  }

  /** Documents that were cached when requested. */
  get hits(): number {
    return this.#hits
  }

  get misses(): number {
    return this.#misses
  }

  /** The answer from memory alone. @throws {ReplicaError} ANSWER_TOO_LARGE */
  cached(collection: string, ids: readonly Id[]): Answer<V> | undefined {
    const answer = this.#fromCache(keysOf(collection, ids), 'hit')
    if (answer !== undefined) this.#hits += ids.length
    return answer
  }

  /** @throws {ReplicaError} see `Replica.many` */
  async read(collection: string, ids: readonly Id[], floor: Floor, deadline: Deadline): Promise<Answer<V>> {
    const { pinBudget, maxAnswerBytes } = this.#parts
    using lease = pinBudget.lease()
    // Reserve before reading, assuming small documents.
    await acquire(lease, Math.min(ids.length * SMALL_BYTES, maxAnswerBytes), deadline)
    const answer = await this.#readRounds(collection, ids, floor, lease, deadline)
    if (answer !== 'over-budget') return answer
    // Release before waiting for more, or two answers could deadlock.
    lease.tryAcquire(0)
    await acquire(lease, maxAnswerBytes, deadline)
    const second = await this.#readRounds(collection, ids, floor, lease, deadline)
    if (second === 'over-budget') throw new Error('expected enough budget for the largest answer')
    return second
  }

  /** `over-budget`: the documents need more bytes than other answers leave. */
  async #readRounds(
    collection: string,
    ids: readonly Id[],
    floor: Floor,
    lease: ByteLease,
    deadline: Deadline,
  ): Promise<Answer<V> | 'over-budget'> {
    const { watermark, progress, cache, encoder, maxAnswerBytes, snapshots } = this.#parts
    const keys = keysOf(collection, ids)
    using pinned = new PinnedKeys({ cache, keys, sizeOf: encoder.sizeOf, maxAnswerBytes, lease })
    for (const key of keys) pinned.count(key)
    let via: Via = 'hit'
    for (let round = 0; ; round += 1) {
      await progress.untilReadable(collection, deadline)
      watermark.expectSource(floor)
      const answer = this.#fromCache(keys, via)
      const missing =
        answer === undefined ? ids.filter((id) => cache.get(`${collection}/${id}`) === undefined) : []
      if (round === 0) {
        this.#hits += ids.length - missing.length
        this.#misses += missing.length
      }
      if (answer !== undefined) return answer
      // Everything is cached but not served, because an epoch is starting.
      if (missing.length === 0) continue
      const tickets = missing.map((id) => this.#fill(collection, id, floor, pinned))
      if (via === 'hit') via = 'collapsed'
      if (tickets.some((ticket) => !ticket.joined)) via = 'miss'
      const filled = await awaitFills(tickets, pinned, deadline)
      if (filled === 'over-budget') return 'over-budget'
      // The documents change faster than they can be read: take a snapshot at one earlier position.
      if (round + 1 < MAX_RETRIES && !filled.some((one) => one.kind === 'earlier')) continue
      const snapshot = await snapshots.read(collection, ids, floor.position, deadline)
      if (snapshot.kind === 'exact' && snapshot.source === floor.source)
        return this.#answer(floor.source, snapshot.at, snapshot.values, via, false)
    }
  }

  #fill(collection: string, id: Id, { position }: Floor, pinned: PinnedKeys<V>): FillTicket<V> {
    const key = `${collection}/${id}`
    return this.#parts.filler.fill(collection, id, position, () => pinned.count(key))
  }

  #fromCache(keys: readonly string[], via: Via): Answer<V> | undefined {
    const { cache, watermark } = this.#parts
    if (!watermark.serving) return undefined
    const values: (V | Absent)[] = []
    for (const key of keys) {
      const value = cache.get(key)
      if (value === undefined) return undefined
      values.push(value)
    }
    return this.#answer(watermark.source, watermark.at, values, via, true)
  }

  #answer(
    source: SourceId | undefined,
    at: Position,
    values: readonly (V | Absent)[],
    via: Via,
    stored: boolean,
  ): Answer<V> {
    const { encoder, maxAnswerBytes } = this.#parts
    if (source === undefined) throw new ReplicaError('SOURCE_UNKNOWN', 'no source has been followed yet')
    let bytes = 0
    for (const value of values) if (value !== ABSENT) bytes += encoder.sizeOf(value)
    if (!isWithin(bytes, maxAnswerBytes)) throw answerTooLarge(bytes, maxAnswerBytes)
    return { source, at, values, via, stored }
  }
}

function keysOf(collection: string, ids: readonly Id[]): readonly string[] {
  return ids.map((id) => `${collection}/${id}`)
}

async function awaitFills<V extends Value>(
  tickets: readonly FillTicket<V>[],
  pinned: PinnedKeys<V>,
  deadline: Deadline,
): Promise<readonly FillResult<V>[] | 'over-budget'> {
  try {
    const all = Promise.all(tickets.map((ticket) => ticket.result))
    const filled: readonly FillResult<V>[] | PinFailure = await deadline.race(
      Promise.race([pinned.failure, all]),
      fillTimeout,
    )
    if (filled === 'over-budget') return 'over-budget'
    if (filled instanceof ReplicaError) throw filled
    for (const one of filled) if (one.kind === 'failed') throw one.error
    return filled
  } finally {
    for (const ticket of tickets) ticket.cancel()
  }
}

/** Waits for budget until the call's deadline. @throws {ReplicaError} TOO_MANY_WAITERS; as `Deadline.race` */
async function acquire(lease: ByteLease, bytes: number, deadline: Deadline): Promise<void> {
  if (lease.tryAcquire(bytes)) return
  const controller = new AbortController()
  const late = (): ReplicaError =>
    new ReplicaError('TOO_MANY_WAITERS', `${lease.part.waiting} reads are already waiting for memory`)
  try {
    await deadline.race(lease.acquire(bytes, controller.signal), late)
  } finally {
    controller.abort()
  }
}
