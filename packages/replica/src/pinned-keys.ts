import { ABSENT, type Cache, type Value } from '@freshet/cache'
import type { ByteLease } from '@freshet/kit'
import { deferred } from './deadline.ts'
import { ReplicaError } from './errors.ts'

export interface PinnedKeysParts<V extends Value> {
  readonly cache: Cache<V>
  readonly keys: readonly string[]
  readonly sizeOf: (value: V) => number
  readonly maxAnswerBytes: number
  /** Budget for the pinned documents; grows as they arrive. */
  readonly lease: ByteLease
}

/** Why the keys were unpinned early. `over-budget`: other answers hold the bytes that these documents need. */
export type PinFailure = ReplicaError | 'over-budget'

/**
 * Pins the keys of one multi-document answer until it is complete: in a small cache they could otherwise evict each other
 * forever. Pinned documents may exceed the cache's budget, so they have a budget of their own, and pinning ends as soon
 * as the answer would be too large anyway.
 */
export class PinnedKeys<V extends Value> implements Disposable {
  readonly #parts: PinnedKeysParts<V>
  readonly #failure = deferred<PinFailure>()
  /** The size of each value when it was counted. */
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #pinned = true

  constructor(parts: PinnedKeysParts<V>) {
    this.#parts = parts
    for (const key of parts.keys) parts.cache.pin(key)
  }

  /** Resolves in the turn in which the cached values exceed a limit; the keys are unpinned by then. */
  get failure(): Promise<PinFailure> {
    return this.#failure.promise
  }

  /** Counts the value of a key that may have been cached. */
  count(key: string): void {
    if (!this.#pinned) return
    const { maxAnswerBytes, lease } = this.#parts
    this.#measure(key)
    if (!isWithin(this.#bytes, maxAnswerBytes)) {
      // Values counted earlier may have shrunk since. Only the total at the current W counts.
      for (const each of this.#sizes.keys()) this.#measure(each)
      if (!isWithin(this.#bytes, maxAnswerBytes))
        return this.#fail(answerTooLarge(this.#bytes, maxAnswerBytes))
    }
    if (this.#bytes > lease.bytes && !lease.tryAcquire(this.#bytes)) this.#fail('over-budget')
  }

  /** Idempotent. */
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

/** NaN is above every limit. */
export function isWithin(bytes: number, maxAnswerBytes: number): boolean {
  return bytes <= maxAnswerBytes
}

export function answerTooLarge(bytes: number, maxAnswerBytes: number): ReplicaError {
  return new ReplicaError('ANSWER_TOO_LARGE', `expected at most ${maxAnswerBytes} bytes, got ${bytes}`)
}
