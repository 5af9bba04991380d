import type { Position } from '@freshet/protocol'
import { type Absent, ABSENT, type CacheOptions, type Loss, type Store, type Value } from './store.ts'
import { collectionOf } from './generations.ts'
import { PartialStore } from './partial-store.ts'
import { RecentDocuments } from './recent-documents.ts'
import { CompleteStore } from './complete-store.ts'

/** After this many overtaken reads a fill may answer from an earlier position. Otherwise a hot document is never answered. */
export const MAX_RETRIES = 3

/** One key being read from the source, with what the feed reported about it in the meantime. */
export interface Fill<V> {
  readonly key: string
  /** The position of the read; `undefined` until the read is sent. */
  readAt: Position | undefined
  /** The epoch in which the read was sent. */
  epoch: number
  /** The latest state from the feed since then. It takes precedence over the read. */
  latest: V | Absent | undefined
  /** The document changed since then and its new state is unknown: the read is valid at `readAt` only. */
  overtaken: boolean
  retries: number
}

/** What a source's reply says about one document, or `unavailable` when there was no reply. */
export type FillOutcome<V> =
  | { readonly kind: 'exact'; readonly value: V | Absent }
  | { readonly kind: 'fenced'; readonly value: V | Absent; readonly until: Position }
  | { readonly kind: 'behind-feed' }
  | { readonly kind: 'unavailable' }

/** What to do next. After a `wait-until`, pass the same outcome again. */
export type FillDecision<V> =
  | { readonly kind: 'install'; readonly value: V | Absent }
  | { readonly kind: 'retry' }
  | { readonly kind: 'wait-until'; readonly position: Position }
  | { readonly kind: 'wait-after'; readonly position: Position }
  /** Read again after a delay; W does not matter. */
  | { readonly kind: 'retry-later' }
  /** Answer callers whose floor is at or before `at`, cache nothing, and read again for other callers. */
  | { readonly kind: 'answer-uninstalled'; readonly value: V | Absent; readonly at: Position }

/** Pure. Decides what an outcome means while W is at `now` in `epoch`. */
export function decide<V>(
  fill: Readonly<Fill<V>>,
  outcome: FillOutcome<V>,
  now: Position,
  epoch: number,
): FillDecision<V> {
  // What the feed reported is the state at `now`, whatever the read returned.
  if (fill.latest !== undefined) return { kind: 'install', value: fill.latest }
  if (fill.readAt === undefined || fill.epoch !== epoch) return { kind: 'retry' }
  switch (outcome.kind) {
    case 'exact':
      if (!fill.overtaken) return { kind: 'install', value: outcome.value }
      if (fill.retries + 1 < MAX_RETRIES) return { kind: 'retry' }
      return { kind: 'answer-uninstalled', value: outcome.value, at: fill.readAt }
    case 'fenced':
      if (fill.overtaken) return { kind: 'retry' }
      // The feed has passed `until` without a change of this document, so the read is still current.
      if (now >= outcome.until) return { kind: 'install', value: outcome.value }
      return { kind: 'wait-until', position: outcome.until }
    case 'behind-feed':
      return { kind: 'retry-later' }
    case 'unavailable':
      return now > fill.readAt ? { kind: 'retry' } : { kind: 'wait-after', position: fill.readAt }
  }
}

/**
 * Keeps every entry equal to its document at W, the watermark (the replica's position), provided each change is applied
 * exactly once and in order. Keys are `<collection>/<id>`. No I/O, no clock, no promises: every method is synchronous.
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

  /** Incremented at every gap in the feed. */
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

  /** Why a complete cache is no longer complete; cleared by the next epoch. Check it after each batch. */
  get loss(): Loss | undefined {
    return this.#store.loss
  }

  /** The value at W, or `undefined` when it is not cached. */
  peek(key: string): V | Absent | undefined {
    return this.#store.get(key)
  }

  /** As {@link Cache.peek}, or made from a document that just passed by; absent where all documents are cached. */
  get(key: string): V | Absent | undefined {
    const value = this.#store.get(key) ?? this.#store.missing
    if (value !== undefined) return value
    const made = this.#fromRecent(key)
    if (made !== undefined) this.promote(key, made)
    return made
  }

  /** As {@link Cache.get}, without counting as a use or caching anything: for operators. */
  look(key: string): V | Absent | undefined {
    return this.#store.look(key) ?? this.#store.missing ?? this.#fromRecent(key)
  }

  /** Whether the key has an entry, even one of a collection dropped since. */
  has(key: string): boolean {
    return this.#store.has(key)
  }

  /** Whether a change of this key matters. Check before encoding: encoding costs more than everything else. */
  wants(key: string): boolean {
    return this.#store.has(key) || (this.#fills.size > 0 && this.#fills.has(key))
  }

  /** Remembers the new state of a document that {@link Cache.wants} rejected: it is likely to be read soon. */
  putRecent(key: string, document: Uint8Array): void {
    this.#recent.put(key, document)
  }

  /** A recently changed document as of W, or `undefined`. The view is valid in this turn only. */
  getRecent(key: string): Uint8Array | undefined {
    return this.#recent.get(key)
  }

  /** Caches the value encoded from {@link Cache.getRecent}. Call it in the same turn. */
  promote(key: string, value: V): void {
    this.#recent.delete(key)
    this.#store.set(key, value)
  }

  /** Applies a new state of a document. */
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

  /** The document changed and its new state is unknown. */
  invalidate(key: string): void {
    this.#recent.delete(key)
    this.#store.invalidate(key)
    const fill = this.#fills.get(key)
    if (fill !== undefined) markOvertaken(fill)
  }

  /** Whether the key is cached and was requested since one of its last few refreshes: then it is worth another one. */
  isUsed(key: string): boolean {
    return this.#store.isUsed(key)
  }

  /** The value was read without a request for it. */
  markRefreshed(key: string): void {
    this.#store.markRefreshed(key)
  }

  /** Every document of the collection was deleted. */
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
    for (const fill of this.#fillsOf(collection)) markOvertaken(fill)
  }

  /** Every document may have changed. */
  invalidateAll(): void {
    this.#store.invalidateAll()
    this.#markAllOvertaken()
  }

  /** Forgets everything after a gap in the feed. W must move in the same turn. */
  newEpoch(): void {
    this.#epoch += 1
    this.#store.clear()
    this.#markAllOvertaken()
  }

  /** Protects a key from eviction. Each call needs a matching {@link Cache.unpin}. */
  pin(key: string): void {
    this.#store.pin(key)
  }

  unpin(key: string): void {
    this.#store.unpin(key)
  }

  /** The fill in progress for a key, if any. */
  fillOf(key: string): Fill<V> | undefined {
    return this.#fills.get(key)
  }

  /** Registers a fill. From then on it records the feed's changes of the key. */
  beginFill(key: string): Fill<V> {
    const fill: Fill<V> = {
      key,
      readAt: undefined,
      epoch: this.#epoch,
      // While an epoch begins, values may be cached that are not served yet.
      // A look at what is missing is no use of it.
      latest: this.#store.has(key) ? this.#store.get(key) : undefined,
      overtaken: false,
      retries: 0,
    }
    this.#fills.set(key, fill)
    return fill
  }

  /** Call it in the same turn in which the read is sent. `readAt` is W in that turn. */
  markSent(fill: Fill<V>, readAt: Position): void {
    fill.readAt = readAt
    fill.epoch = this.#epoch
    fill.latest = undefined
    fill.overtaken = false
  }

  /** Applies the outcome of a read while W is at `now`. Only `install` ends the fill. */
  applyOutcome(fill: Fill<V>, outcome: FillOutcome<V>, now: Position): FillDecision<V> {
    const decision = decide(fill, outcome, now, this.#epoch)
    if (decision.kind === 'install') this.install(fill, decision.value)
    if (decision.kind === 'retry' || decision.kind === 'answer-uninstalled') fill.retries += 1
    return decision
  }

  /** Caches the value and ends the fill. */
  install(fill: Fill<V>, value: V | Absent): void {
    this.#fills.delete(fill.key)
    this.#recent.delete(fill.key)
    this.#store.set(fill.key, value)
  }

  abandon(fill: Fill<V>): void {
    this.#fills.delete(fill.key)
  }

  /** Whether a state at `at` may answer a caller who must not see anything older than `floor`. */
  mayAnswer(floor: Position, at: Position): boolean {
    return floor <= at
  }

  #fromRecent(key: string): V | undefined {
    const document = this.#encode && this.getRecent(key)
    try {
      return document && this.#encode?.(document)
    } catch {
      return undefined // Reading the source fails on the same document, and reports the error.
    }
  }

  #markAllOvertaken(): void {
    this.#recent.clear()
    for (const fill of this.#fills.values()) markOvertaken(fill)
  }

  *#fillsOf(collection: string): Iterable<Fill<V>> {
    for (const fill of this.#fills.values()) if (collectionOf(fill.key) === collection) yield fill
  }
}

function markOvertaken<V>(fill: Fill<V>): void {
  fill.latest = undefined
  fill.overtaken = true
}
