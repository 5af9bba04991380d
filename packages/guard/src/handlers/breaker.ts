import type { Clock } from '@freshet/kit'
import { TokenBucket, type BucketLimits } from './token-bucket.ts'

/** What is remembered of the documents heard of last; one that loops is always among them. */
const MAX_BUCKETS = 10_000

/** What a loop cannot keep to, and honest work does. */
export const defaultBucketLimits: BucketLimits = Object.freeze({
  burst: 100,
  refillPerS: 1,
  openMs: 5 * 60_000,
})

/**
 * Stops what goes round although nobody sees the circle: a bucket for each document heard of, one for everything
 * that the handler writes upon hearing of its own writes, which may be another document each time, and one for resets,
 * which hear of no document.
 */
export class Breaker {
  readonly #limits: BucketLimits
  readonly #clock: Clock
  readonly #byDocument = new Map<string, TokenBucket>()
  readonly #ofEchoes: TokenBucket
  readonly #ofResets: TokenBucket

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#ofEchoes = new TokenBucket(limits, clock)
    this.#ofResets = new TokenBucket(limits, clock)
  }

  /** How many are open now. */
  get open(): number {
    const buckets = [this.#ofEchoes, this.#ofResets, ...this.#byDocument.values()]
    return buckets.filter((bucket) => bucket.open).length
  }

  /** Whether a call may write because of `heard`. `echo`: the handler caused that change itself. */
  take(heard: string, echo: boolean): boolean {
    return this.#bucketOf(heard).take() && (!echo || this.#ofEchoes.take())
  }

  /** Whether a reset may write: what it makes anew may be the cause of the next one. */
  takeReset(): boolean {
    return this.#ofResets.take()
  }

  #bucketOf(heard: string): TokenBucket {
    const known = this.#byDocument.get(heard)
    const bucket = known ?? new TokenBucket(this.#limits, this.#clock)
    // The map keeps the order of insertion: what is used last stands last.
    if (known) this.#byDocument.delete(heard)
    this.#byDocument.set(heard, bucket)
    if (this.#byDocument.size > MAX_BUCKETS) this.#forgetOldest()
    return bucket
  }

  #forgetOldest(): void {
    for (const heard of this.#byDocument.keys()) {
      this.#byDocument.delete(heard)
      return
    }
  }
}
