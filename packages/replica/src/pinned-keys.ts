import { ABSENT, type Cache, type Value } from '@freshet/cache'
import type { ByteLease } from '@freshet/kit'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'

export interface PinnedKeysParts<V extends Value> {
  readonly cache: Cache<V>
  readonly keys: readonly string[]
  readonly sizeOf: (value: V) => number
  readonly maxAnswerBytes: number
  /** Room for what is kept; it grows as documents come. */
  readonly lease: ByteLease
}

/** Why nothing is kept any more. `crowded`: others have the room that the documents need. */
export type PinFailure = ReplicaError | 'crowded'

/**
 * The keys of one answer of several documents, kept from being evicted until it is made: otherwise they could evict each
 * other for ever in a small cache. What is kept is beyond the budget of the cache, so it has one of its own, and ends
 * where the answer would be refused anyway.
 */
export class PinnedKeys<V extends Value> implements Disposable {
  readonly #parts: PinnedKeysParts<V>
  readonly #failure = deferred<PinFailure>()
  /** Values that were counted, each as large as it was then. */
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #pinned = true

  constructor(parts: PinnedKeysParts<V>) {
    this.#parts = parts
    for (const key of parts.keys) parts.cache.pin(key)
  }

  /** Settles in the turn in which the values that are held are larger than they may be; nothing is kept then. */
  get failure(): Promise<PinFailure> {
    return this.#failure.promise
  }

  /** The value of this key may have come. */
  count(key: string): void {
    if (!this.#pinned) return
    const { maxAnswerBytes, lease: room } = this.#parts
    this.#measure(key)
    if (!isWithin(this.#bytes, maxAnswerBytes)) {
      // Values that were counted before may have shrunk since: only what is held at one W together is too large.
      for (const each of this.#sizes.keys()) this.#measure(each)
      if (!isWithin(this.#bytes, maxAnswerBytes))
        return this.#fail(answerTooLarge(this.#bytes, maxAnswerBytes))
    }
    if (this.#bytes > room.bytes && !room.tryAcquire(this.#bytes)) this.#fail('crowded')
  }

  /** Twice is fine. */
  [Symbol.dispose](): void {
    if (!this.#pinned) return
    this.#pinned = false
    for (const key of this.#parts.keys) this.#parts.cache.unpin(key)
  }

  #fail(why: PinFailure): void {
    this[Symbol.dispose]()
    this.#failure.resolve(why)
  }

  #measure(key: string): void {
    const { cache, sizeOf } = this.#parts
    const value = cache.peek(key)
    const bytes = value === undefined || value === ABSENT ? 0 : sizeOf(value)
    this.#bytes += bytes - (this.#sizes.get(key) ?? 0)
    this.#sizes.set(key, bytes)
  }
}

/** A sum that is no number is above every limit. */
export function isWithin(bytes: number, maxAnswerBytes: number): boolean {
  return bytes <= maxAnswerBytes
}

export function answerTooLarge(bytes: number, maxAnswerBytes: number): ReplicaError {
  return new ReplicaError('ANSWER_TOO_LARGE', `expected at most ${maxAnswerBytes} bytes, got ${bytes}`)
}
