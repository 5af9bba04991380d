import { TokenBucket, type Clock, type MonotonicMs } from '@freshet/kit'

/** How often a handler may write for one reason. */
export interface BucketLimits {
  /** Writing calls at once. */
  readonly burst: number
  /** Additional ones per second. */
  readonly refillPerS: number
  /** How long everything is refused after the bucket was empty, in milliseconds. */
  readonly openMs: number
}

/** A token bucket that stays closed for a while after it was empty: a loop would take every new token at once. */
export class BreakerBucket {
  readonly #limits: BucketLimits
  readonly #clock: Clock
  readonly #tokens: TokenBucket
  #openUntil: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#tokens = new TokenBucket(limits, clock)
  }

  /** Whether the breaker is open and refuses everything. */
  get open(): boolean {
    return this.#clock.now() < this.#openUntil
  }

  /** Takes one token. Without one, returns `false` and refuses for `openMs`. */
  take(): boolean {
    if (this.open) return false
    if (this.#tokens.take()) return true
    this.#openUntil = this.#clock.now() + this.#limits.openMs
    return false
  }

  /** Returns an unused token. Does not end the refusal. */
  giveBack(): void {
    if (!this.open) this.#tokens.giveBack()
  }
}
