import { ABSENT, MAX_RETRIES, type Absent, type Cache, type Value } from '@freshet/cache'
import type { ByteLease, BytePart } from '@freshet/kit'
import type { Id, Position, SourceId } from '@freshet/protocol'
import { PinnedKeys, answerTooLarge, isWithin, type PinFailure } from './pinned-keys.ts'
import type { Answer, Encoder, Via } from './contract.ts'
import type { Deadline } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { FillResult, FillTicket } from './fill-job.ts'
import type { Filler } from './filler.ts'
import { expectSource, fillTimeout, type Floor } from './floor.ts'
import type { ReplicationProgress } from './progress.ts'
import { SMALL_BYTES } from './read-plan.ts'
import type { Snapshots } from './snapshots.ts'
import type { Watermark } from './watermark.ts'

export interface MultiGetParts<V extends Value> {
  readonly cache: Cache<V>
  readonly encoder: Encoder<V>
  readonly watermark: Watermark
  readonly progress: ReplicationProgress
  readonly filler: Filler<V>
  readonly snapshots: Snapshots<V>
  /** Room for the documents that answers keep until all of them are there. */
  readonly pinBudget: BytePart
  readonly maxAnswerBytes: number
}

/** Several documents of one collection, all of one position: cached ones are pinned while the others are fetched. */
export class MultiGet<V extends Value> {
  readonly #parts: MultiGetParts<V>
  #hits = 0
  #misses = 0

  constructor(parts: MultiGetParts<V>) {
    this.#parts = parts
  }

  /** Documents that were cached when they were asked for. */
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
    const { pinBudget: pins, maxAnswerBytes } = this.#parts
    using room = pins.lease()
    // Before anything was read: most documents are small.
    await acquire(room, Math.min(ids.length * SMALL_BYTES, maxAnswerBytes), deadline)
    const answer = await this.#readRounds(collection, ids, floor, room, deadline)
    if (answer !== 'crowded') return answer
    // Whoever waits for more holds nothing, or two could wait for each other.
    room.tryAcquire(0)
    await acquire(room, maxAnswerBytes, deadline)
    const second = await this.#readRounds(collection, ids, floor, room, deadline)
    if (second === 'crowded') throw new Error('expected room for the largest answer')
    return second
  }

  /** `crowded`: the documents need more room than there is beside the others. */
  async #readRounds(
    collection: string,
    ids: readonly Id[],
    floor: Floor,
    room: ByteLease,
    deadline: Deadline,
  ): Promise<Answer<V> | 'crowded'> {
    const { watermark, progress, cache, encoder, maxAnswerBytes, snapshots } = this.#parts
    const keys = keysOf(collection, ids)
    using pinned = new PinnedKeys({ cache, keys, sizeOf: encoder.sizeOf, maxAnswerBytes, lease: room })
    for (const key of keys) pinned.count(key)
    let via: Via = 'hit'
    for (let round = 0; ; round += 1) {
      await progress.untilReadable(collection, deadline)
      expectSource(watermark, floor)
      const answer = this.#fromCache(keys, via)
      const missing =
        answer === undefined ? ids.filter((id) => cache.get(`${collection}/${id}`) === undefined) : []
      if (round === 0) {
        this.#hits += ids.length - missing.length
        this.#misses += missing.length
      }
      if (answer !== undefined) return answer
      // All are cached, and not given out: an epoch begins.
      if (missing.length === 0) continue
      const tickets = missing.map((id) => this.#fill(collection, id, floor, pinned))
      if (via === 'hit') via = 'collapsed'
      if (tickets.some((ticket) => !ticket.joined)) via = 'miss'
      const filled = await awaitFills(tickets, pinned, deadline)
      if (filled === 'crowded') return 'crowded'
      // Documents that change faster than they can be read: take all of them from one position of the past.
      if (round + 1 < MAX_RETRIES && !filled.some((one) => one.kind === 'past')) continue
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
    if (source === undefined) throw new ReplicaError('SOURCE_UNKNOWN', 'no source was ever followed')
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
): Promise<readonly FillResult<V>[] | 'crowded'> {
  try {
    const all = Promise.all(tickets.map((ticket) => ticket.result))
    const filled: readonly FillResult<V>[] | PinFailure = await deadline.race(
      Promise.race([pinned.failure, all]),
      fillTimeout,
    )
    if (filled === 'crowded') return 'crowded'
    if (filled instanceof ReplicaError) throw filled
    for (const one of filled) if (one.kind === 'failed') throw one.error
    return filled
  } finally {
    for (const ticket of tickets) ticket.cancel()
  }
}

/** Waits for room as long as the call does. @throws {ReplicaError} TOO_MANY_WAITERS; as `Deadline.race` */
async function acquire(room: ByteLease, bytes: number, deadline: Deadline): Promise<void> {
  if (room.tryAcquire(bytes)) return
  const giveUp = new AbortController()
  const late = (): ReplicaError =>
    new ReplicaError('TOO_MANY_WAITERS', `${room.part.waiting} reads wait for room already`)
  try {
    await deadline.race(room.acquire(bytes, giveUp.signal), late)
  } finally {
    giveUp.abort()
  }
}
