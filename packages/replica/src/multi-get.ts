import { ABSENT, MAX_RESTARTS, type Absent, type Cache, type Value } from '@freshet/cache'
import type { ByteLease, BytePart } from '@freshet/kit'
import type { Id, Position, SourceId } from '@freshet/protocol'
import { AnswerKeys, answerTooLarge, fits, type Unkept } from './answer-keys.ts'
import type { Answer, Encoder, Via } from './contract.ts'
import type { Deadline } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { Filled, Filler, FillTicket } from './filler.ts'
import { expectSource, lateFill, type Floor } from './floor.ts'
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
  readonly pins: BytePart
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
    const { pins, maxAnswerBytes } = this.#parts
    using room = pins.lease()
    // Before anything was read: most documents are small.
    await takeRoom(room, Math.min(ids.length * SMALL_BYTES, maxAnswerBytes), deadline)
    const answer = await this.#inRounds(collection, ids, floor, room, deadline)
    if (answer !== 'crowded') return answer
    // Whoever waits for more holds nothing, or two could wait for each other.
    room.tryHold(0)
    await takeRoom(room, maxAnswerBytes, deadline)
    const second = await this.#inRounds(collection, ids, floor, room, deadline)
    if (second === 'crowded') throw new Error('expected room for the largest answer')
    return second
  }

  /** `crowded`: the documents need more room than there is beside the others. */
  async #inRounds(
    collection: string,
    ids: readonly Id[],
    floor: Floor,
    room: ByteLease,
    deadline: Deadline,
  ): Promise<Answer<V> | 'crowded'> {
    const { watermark, progress, cache, encoder, maxAnswerBytes, snapshots } = this.#parts
    const keys = keysOf(collection, ids)
    using pinned = new AnswerKeys({ cache, keys, sizeOf: encoder.sizeOf, maxAnswerBytes, room })
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
      const filled = await filledOf(tickets, pinned, deadline)
      if (filled === 'crowded') return 'crowded'
      // Documents that change faster than they can be read: take all of them from one position of the past.
      if (round + 1 < MAX_RESTARTS && !filled.some((one) => one.kind === 'past')) continue
      const snapshot = await snapshots.read(collection, ids, floor.position, deadline)
      if (snapshot.kind === 'exact' && snapshot.source === floor.source)
        return this.#answer(floor.source, snapshot.at, snapshot.values, via, false)
    }
  }

  #fill(collection: string, id: Id, { position }: Floor, pinned: AnswerKeys<V>): FillTicket<V> {
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
    if (!fits(bytes, maxAnswerBytes)) throw answerTooLarge(bytes, maxAnswerBytes)
    return { source, at, values, via, stored }
  }
}

function keysOf(collection: string, ids: readonly Id[]): readonly string[] {
  return ids.map((id) => `${collection}/${id}`)
}

async function filledOf<V extends Value>(
  tickets: readonly FillTicket<V>[],
  pinned: AnswerKeys<V>,
  deadline: Deadline,
): Promise<readonly Filled<V>[] | 'crowded'> {
  try {
    const all = Promise.all(tickets.map((ticket) => ticket.filled))
    const filled: readonly Filled<V>[] | Unkept = await deadline.race(
      Promise.race([pinned.unkept, all]),
      lateFill,
    )
    if (filled === 'crowded') return 'crowded'
    if (filled instanceof ReplicaError) throw filled
    for (const one of filled) if (one.kind === 'failed') throw one.error
    return filled
  } finally {
    for (const ticket of tickets) ticket.leave()
  }
}

/** Waits for room as long as the call does. @throws {ReplicaError} TOO_MANY_WAITERS; as `Deadline.race` */
async function takeRoom(room: ByteLease, bytes: number, deadline: Deadline): Promise<void> {
  if (room.tryHold(bytes)) return
  const giveUp = new AbortController()
  const late = (): ReplicaError =>
    new ReplicaError('TOO_MANY_WAITERS', `${room.part.waiting} reads wait for room already`)
  try {
    await deadline.race(room.hold(bytes, giveUp.signal), late)
  } finally {
    giveUp.abort()
  }
}
