import type { Clock, MonotonicMs } from '@freshet/kit'

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
export class TokenBucket {
  readonly #limits: BucketLimits
  readonly #clock: Clock
  #tokens: number
  #countedAt: MonotonicMs
  #openUntil: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#tokens = limits.burst
    this.#countedAt = clock.now()
  }

  /** Whether the breaker is open and refuses everything. */
  get open(): boolean {
    return this.#clock.now() < this.#openUntil
  }

  /** Takes one token. Without one, returns `false` and refuses for `openMs`. */
  take(): boolean {
    if (this.open) return false
    this.#refill()
    if (this.#tokens < 1) {
      this.#openUntil = this.#clock.now() + this.#limits.openMs
      return false
    }
    this.#tokens -= 1
    return true
  }

  /** Returns an unused token. Does not end the refusal. */
  giveBack(): void {
    if (!this.open) this.#tokens = Math.min(this.#limits.burst, this.#tokens + 1)
  }

  #refill(): void {
    const now = this.#clock.now()
    const { burst, refillPerS } = this.#limits
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) / 1_000) * refillPerS)
    this.#countedAt = now
  }
}
