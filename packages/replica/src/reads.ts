import { ABSENT, MAX_RESTARTS, type Absent, type Cache, type Value } from '@freshet/cache'
import type { ByteLease, BytePart, Clock, SharedNext } from '@freshet/kit'
import {
  badIdDetail,
  isValidId,
  placeOf,
  type CollectionPlace,
  type Id,
  type Position,
  type SourceId,
} from '@freshet/protocol'
import { AnswerKeys, answerTooLarge, fits, limitOf, type Unkept } from './answer-keys.ts'
import type { ReplicationProgress } from './progress.ts'
import type { Asked } from './asked.ts'
import type { Answer, Encoder, ReadOptions, Via } from './contract.ts'
import type { Ending } from './ending.ts'
import { ReplicaError } from './errors.ts'
import type { Exactness } from './exactness.ts'
import type { Filled, Filler, FillTicket } from './filler.ts'
import { Deadline } from './deadline.ts'
import { firstRoom, takeRoom } from './room.ts'
import type { MultiGet, MultiGets, MultiGetTicket } from './multi-get.ts'
import type { Watermark } from './watermark.ts'

export interface ReadsParts<V extends Value> {
  readonly cache: Cache<V>
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly watermark: Watermark
  readonly exactness: Exactness
  readonly filler: Filler<V>
  readonly multiGets: MultiGets<V>
  readonly progress: ReplicationProgress
  readonly newest: SharedNext<Position>
  /** Room for the documents that answers keep until all of them are there. */
  readonly pins: BytePart
  readonly encoder: Encoder<V>
  readonly clock: Clock
  readonly ending: Ending
  readonly positionWaitMs: number
  readonly fillWaitMs: number
  readonly maxReads: number
  readonly maxAnswerBytes: number
}

/** Answers reads: at once when all is held, otherwise after the waits and fills that they need. */
export class Reads<V extends Value> {
  readonly #parts: ReadsParts<V>
  #running = 0
  #hits = 0
  #misses = 0

  constructor(parts: ReadsParts<V>) {
    this.#parts = parts
  }

  /** Documents that were held when they were asked for. */
  get hits(): number {
    return this.#hits
  }

  get misses(): number {
    return this.#misses
  }

  /** @throws {ReplicaError} see `Replica.get` */
  async read(collection: string, ids: readonly Id[], options: ReadOptions): Promise<Answer<V>> {
    const { exactness, watermark, maxReads } = this.#parts
    if (!exactness.has(collection)) {
      throw new ReplicaError('UNKNOWN_COLLECTION', `expected a served collection, got '${collection}'`)
    }
    const keys = ids.map((id) => `${collection}/${id}`)
    if (options.atLeast === undefined && watermark.serving && exactness.mayRead(collection)) {
      const answer = this.#answerHeld(keys, 'hit')
      if (answer !== undefined) {
        this.#hits += ids.length
        return answer
      }
    }
    this.#refuseBadIds(collection, ids)
    if (this.#running >= maxReads)
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#running} reads wait already`)
    this.#running += 1
    try {
      return await this.#readSlowly(collection, ids, keys, options)
    } finally {
      this.#running -= 1
    }
  }

  /**
   * Documents with other texts as ids may be stored, but no change names them, so they can be held by nobody; and
   * another spelling of an id is the id of a document that may be there. To call them absent would be a lie.
   */
  #refuseBadIds(collection: string, ids: readonly Id[]): void {
    const place = this.#parts.collections.get(collection)
    if (place === undefined) return
    const { idType } = placeOf(collection, place)
    const bad = ids.find((id) => !isValidId(idType, id))
    if (bad !== undefined) throw new ReplicaError('BAD_ID', badIdDetail(idType, bad))
  }

  /** @throws {ReplicaError} SOURCE_UNKNOWN, UNAVAILABLE, CANCELLED, STOPPED */
  async untilServing(deadline: Deadline): Promise<void> {
    const { watermark } = this.#parts
    while (!watermark.serving) {
      const { state } = watermark
      if (state.kind === 'lost' && state.reason === 'SOURCE_UNKNOWN') {
        throw new ReplicaError(
          'SOURCE_UNKNOWN',
          'the database has no control document that names its history',
        )
      }
      const late = (): ReplicaError =>
        new ReplicaError('UNAVAILABLE', `expected a replica that is live, it is ${watermark.state.kind}`)
      await deadline.race(watermark.moved, late)
    }
  }

  async #readSlowly(
    collection: string,
    ids: readonly Id[],
    keys: readonly string[],
    options: ReadOptions,
  ): Promise<Answer<V>> {
    const { watermark, clock, ending, fillWaitMs, maxAnswerBytes } = this.#parts
    using deadline = new Deadline(clock, options.waitMs ?? fillWaitMs, ending, options.signal)
    await this.#untilReadable(collection, deadline)
    const { source: sourceAtCall, at } = watermark
    const reached = options.atLeast === undefined ? at : await this.#reach(options.atLeast, options)
    const { source } = watermark
    // Positions of two sources are never compared.
    const floor = source === sourceAtCall && at > reached ? at : reached
    const asked: Asked = { collection, ids, keys, floor, source }
    using room = this.#parts.pins.lease()
    // One document is handed over where it comes, and is never kept for others that are missing.
    if (ids.length > 1) await takeRoom(room, firstRoom(ids.length, maxAnswerBytes), deadline)
    const answer = await this.#inRounds(asked, room, deadline)
    if (answer !== 'crowded') return answer
    // Whoever waits for more holds nothing, or two could wait for each other.
    room.tryHold(0)
    await takeRoom(room, maxAnswerBytes, deadline)
    const second = await this.#inRounds(asked, room, deadline)
    if (second === 'crowded') throw new Error('expected room for the largest answer')
    return second
  }

  /** `crowded`: the documents need more room than there is beside the others. */
  async #inRounds(asked: Asked, room: ByteLease, deadline: Deadline): Promise<Answer<V> | 'crowded'> {
    const { collection, ids, keys, floor, source } = asked
    const { watermark, exactness, cache, encoder, maxAnswerBytes } = this.#parts
    using held = new AnswerKeys({
      cache,
      keys: ids.length > 1 ? keys : [],
      sizeOf: encoder.sizeOf,
      maxAnswerBytes,
      room,
    })
    const count = (key: string): void => {
      if (ids.length > 1) held.count(key)
    }
    for (const key of keys) count(key)
    let via: Via = 'hit'
    for (let round = 0; ; round += 1) {
      await this.#untilReadable(collection, deadline)
      if (watermark.source !== source) {
        throw new ReplicaError('UNAVAILABLE', 'the database was replaced by another during the read')
      }
      // Not while a new epoch begins: then the feed has not told all yet.
      const unheld = watermark.serving ? cache.unheld : undefined
      const answer = this.#answerHeld(keys, via, unheld)
      const missing =
        answer === undefined ? ids.filter((_id, index) => this.#valueOf(keys[index] ?? '') === undefined) : []
      if (round === 0) this.#count(ids.length, missing.length)
      if (answer !== undefined) return answer
      const tickets = missing.map((id) => {
        const key = `${collection}/${id}`
        return this.#parts.filler.fill(collection, id, floor, () => count(key))
      })
      if (via === 'hit') via = 'collapsed'
      if (tickets.some((ticket) => !ticket.joined)) via = 'miss'
      const filled = await this.#await(tickets, held, deadline)
      if (filled === 'crowded') return 'crowded'
      const [first] = filled
      if (ids.length === 1 && first?.kind === 'past') {
        return this.#answer(source, first.at, [first.value], via, false)
      }
      const known = watermark.serving && watermark.source === source && exactness.mayRead(collection)
      if (ids.length === 1 && first?.kind === 'installed' && known) {
        return this.#answer(source, first.at, [first.value], via, cache.peek(keys[0] ?? '') !== undefined)
      }
      // Documents that change faster than they can be read: take all of them from one position of the past.
      if (round + 1 < MAX_RESTARTS && !filled.some((one) => one.kind === 'past')) continue
      const multiGet = await this.#multiGet(this.#parts.multiGets.take(collection, ids, floor), deadline)
      if (multiGet.kind === 'exact' && multiGet.source === source)
        return this.#answer(source, multiGet.at, multiGet.values, via, false)
    }
  }

  async #await(
    tickets: readonly FillTicket<V>[],
    held: AnswerKeys<V>,
    deadline: Deadline,
  ): Promise<readonly Filled<V>[] | 'crowded'> {
    try {
      const all = Promise.all(tickets.map((ticket) => ticket.filled))
      const filled: readonly Filled<V>[] | Unkept = await deadline.race(
        Promise.race([held.unkept, all]),
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

  async #multiGet(ticket: MultiGetTicket<V>, deadline: Deadline): Promise<MultiGet<V>> {
    try {
      const multiGet = await deadline.race(ticket.taken, lateFill)
      if (multiGet.kind === 'failed') throw multiGet.error
      return multiGet
    } finally {
      ticket.leave()
    }
  }

  async #untilReadable(collection: string, deadline: Deadline): Promise<void> {
    const { exactness } = this.#parts
    for (;;) {
      await this.untilServing(deadline)
      if (exactness.mayRead(collection)) return
      const late = (): ReplicaError =>
        new ReplicaError('UNAVAILABLE', `'${collection}' is still being checked`)
      await deadline.race(exactness.changed, late)
    }
  }

  /** The position that was asked for, once W is there. */
  async #reach(wanted: NonNullable<ReadOptions['atLeast']>, options: ReadOptions): Promise<Position> {
    const { clock, ending, progress, newest, positionWaitMs } = this.#parts
    using deadline = new Deadline(clock, options.waitMs ?? positionWaitMs, ending, options.signal)
    const late = (): ReplicaError =>
      new ReplicaError('UNAVAILABLE', 'the source did not tell its newest position in time')
    const position = wanted === 'now' ? await deadline.race(newest.ask(), late) : wanted
    return await progress.wait(position, deadline)
  }

  /** The value at W: held, or made from what just passed by in the feed. */
  #valueOf(key: string): V | Absent | undefined {
    const { cache, encoder } = this.#parts
    const value = cache.peek(key)
    if (value !== undefined) return value
    const document = cache.recall(key)
    if (document === undefined) return undefined
    try {
      const made = encoder.encode(document)
      cache.adopt(key, made)
      return made
    } catch {
      // The fill that follows meets the same document, and tells the log and the caller.
      return undefined
    }
  }

  #answerHeld(keys: readonly string[], via: Via, unheld?: Absent): Answer<V> | undefined {
    const { watermark } = this.#parts
    const values: (V | Absent)[] = []
    for (const key of keys) {
      const value = this.#valueOf(key) ?? unheld
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
    if (!fits(bytes, limitOf(values, maxAnswerBytes))) throw answerTooLarge(bytes, maxAnswerBytes)
    return { source, at, values, via, stored }
  }

  #count(all: number, missing: number): void {
    this.#hits += all - missing
    this.#misses += missing
  }
}

const lateFill = (): ReplicaError => new ReplicaError('UNAVAILABLE', 'the source did not answer in time')
