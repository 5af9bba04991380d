import type { Position } from '@freshet/protocol'
import { ABSENT, type Absent, type Value } from './absent.ts'
import { decide, type Fill, type FillDecision, type FillOutcome } from './fill.ts'
import { collectionOf } from './generations.ts'
import { PartialStore } from './partial-store.ts'
import { RecentDocuments } from './recent-documents.ts'
import type { Loss, Store, StoreOptions } from './store.ts'
import { CompleteStore } from './complete-store.ts'

export interface RecentOptions<V> {
  /** Beside those of the values. */
  readonly maxBytes: number
  /** Makes a value of a document when it is asked for. Must copy what it keeps. If it throws, the document is not cached. */
  readonly encode: (document: Uint8Array) => V
}

export interface CacheOptions<V> extends StoreOptions<V> {
  /** Documents that passed by in the feed and were not asked for are kept too; not by default. */
  readonly recent?: RecentOptions<V>
  /**
   * Holds every document that it is told of, and takes any other as absent; for a feed that tells all from the first
   * document on, and beside which nothing can be read. Nothing is evicted: see {@link Cache.loss}.
   */
  readonly complete?: boolean
}

/**
 * The rules that keep every entry equal to its document at the replica's position W, given that each change is told
 * exactly once and in order. Keys are `<collection>/<id>`. No I/O, no clock, no promise: every method is one step.
 */
export class Cache<V extends Value> {
  readonly #store: Store<V>
  readonly #recent: RecentDocuments
  readonly #encode: ((document: Uint8Array) => V) | undefined
  readonly #fills = new Map<string, Fill<V>>()
  #epoch = 0

  constructor(options: CacheOptions<V>) {
    this.#store = options.complete === true ? new CompleteStore(options) : new PartialStore(options)
    this.#recent = new RecentDocuments(options.recent?.maxBytes ?? 0)
    this.#encode = options.recent?.encode
  }

  /** One uninterrupted life of the feed; rises with every gap. */
  get epoch(): number {
    return this.#epoch
  }

  get entries(): number {
    return this.#store.entries
  }

  get bytes(): number {
    return this.#store.bytes + this.#recent.bytes
  }

  get evictions(): number {
    return this.#store.evictions
  }

  /** Why a cache that must hold everything does not any more, until the next epoch. Ask after each batch. */
  get loss(): Loss | undefined {
    return this.#store.loss
  }

  /** The value at W, or `undefined` when it is not cached. */
  peek(key: string): V | Absent | undefined {
    return this.#store.get(key)
  }

  /** As {@link Cache.peek}, or made from a document that just passed by; absent where all documents are cached. */
  get(key: string): V | Absent | undefined {
    const value = this.#store.get(key)
    if (value !== undefined || this.#encode === undefined) return value ?? this.#store.missing
    const document = this.getRecent(key)
    if (document === undefined) return undefined
    try {
      const made = this.#encode(document)
      this.promote(key, made)
      return made
    } catch {
      // Whoever reads it from the source meets the same document, and hears of the error.
      return undefined
    }
  }

  /** Whether the key has a value, be it of a collection that was dropped since. */
  has(key: string): boolean {
    return this.#store.has(key)
  }

  /** Whether a change of this key matters. Ask first: making a value costs more than all the rest. */
  wants(key: string): boolean {
    return this.#store.has(key) || (this.#fills.size > 0 && this.#fills.has(key))
  }

  /** The document has this state now, and {@link Cache.wants} said no: it may be asked for in a moment. */
  putRecent(key: string, document: Uint8Array): void {
    this.#recent.put(key, document)
  }

  /** A view of a document that passed by, as it is at W, for this turn; `undefined`: it is not there (any more). */
  getRecent(key: string): Uint8Array | undefined {
    return this.#recent.get(key)
  }

  /** Holds what was made of {@link Cache.getRecent}, in the same turn. */
  promote(key: string, value: V): void {
    this.#recent.delete(key)
    this.#store.set(key, value)
  }

  /** The document has this state now. */
  upsert(key: string, value: V | Absent): void {
    this.#recent.delete(key)
    if (this.#store.has(key)) this.#store.set(key, value)
    const fill = this.#fills.get(key)
    if (fill === undefined) return
    fill.latest = value
    fill.overtaken = false
  }

  delete(key: string): void {
    this.upsert(key, ABSENT)
  }

  /** The document changed, nobody said into what. */
  invalidate(key: string): void {
    this.#recent.delete(key)
    this.#store.invalidate(key)
    const fill = this.#fills.get(key)
    if (fill !== undefined) restart(fill)
  }

  /** Every document of the collection is gone. */
  emptyCollection(collection: string): void {
    this.#recent.clear()
    this.#store.emptyCollection(collection)
    for (const fill of this.#fillsOf(collection)) {
      fill.latest = ABSENT
      fill.overtaken = false
    }
  }

  /** Every document of the collection may have changed. */
  invalidateCollection(collection: string): void {
    this.#recent.clear()
    this.#store.invalidateCollection(collection)
    for (const fill of this.#fillsOf(collection)) restart(fill)
  }

  /** Every document may have changed. */
  invalidateAll(): void {
    this.#store.invalidateAll()
    this.#restartAll()
  }

  /** The feed has a gap: nothing known before it counts. W must move in the same turn. */
  newEpoch(): void {
    this.#epoch += 1
    this.#store.clear()
    this.#restartAll()
  }

  /** Keeps these keys from being evicted; every call needs its {@link Cache.unpin}. */
  pin(key: string): void {
    this.#store.pin(key)
  }

  unpin(key: string): void {
    this.#store.unpin(key)
  }

  /** The running fill of a key, if there is one. */
  fillOf(key: string): Fill<V> | undefined {
    return this.#fills.get(key)
  }

  /** Registers a fill. From here on the feed's changes of the key are noted. */
  beginFill(key: string): Fill<V> {
    const fill: Fill<V> = {
      key,
      readAt: undefined,
      epoch: this.#epoch,
      // It may be asked for while an epoch begins, when what is cached is not given out yet.
      latest: this.#store.get(key),
      overtaken: false,
      retries: 0,
    }
    this.#fills.set(key, fill)
    return fill
  }

  /** Call it in the turn in which the read at `w0`, the replica's position of that turn, is sent; and never later. */
  markSent(fill: Fill<V>, w0: Position): void {
    fill.readAt = w0
    fill.epoch = this.#epoch
    fill.latest = undefined
    fill.overtaken = false
  }

  /** What came back, while the replica stands at `now`. An installed fill is over; all others go on. */
  applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    const decision = decide(fill, outcome, now, this.#epoch)
    if (decision.kind === 'install') this.install(fill, decision.value)
    if (decision.kind === 'again' || decision.kind === 'answer-uninstalled') fill.retries += 1
    return decision
  }

  /** Holds what the fill found and ends it. */
  install(fill: Fill<V>, value: V | Absent): void {
    this.#fills.delete(fill.key)
    this.#recent.delete(fill.key)
    this.#store.set(fill.key, value)
  }

  /** Ends a fill that nobody waits for. */
  abandon(fill: Fill<V>): void {
    this.#fills.delete(fill.key)
  }

  /** Whether a state at `at` may answer a caller who must not see anything older than `floor`. */
  mayAnswer(floor: Position, at: Position): boolean {
    return floor <= at
  }

  #restartAll(): void {
    this.#recent.clear()
    for (const fill of this.#fills.values()) restart(fill)
  }

  *#fillsOf(collection: string): Iterable<Fill<V>> {
    for (const fill of this.#fills.values()) if (collectionOf(fill.key) === collection) yield fill
  }
}

function restart<V>(fill: Fill<V>): void {
  fill.latest = undefined
  fill.overtaken = true
}
