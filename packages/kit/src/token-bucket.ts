import type { Clock, MonotonicMs } from './clock.ts'

/** A rate and how far it may be exceeded for a moment. */
export interface TokenBucketLimits {
  /** The most tokens; a bucket starts full. */
  readonly burst: number
  /** Tokens added per second. */
  readonly refillPerS: number
}

/** A token bucket. Many buckets may share one object of limits. */
export class TokenBucket {
  readonly #limits: TokenBucketLimits
  readonly #clock: Pick<Clock, 'now'>
  #tokens: number
  #countedAt: MonotonicMs

  constructor(limits: TokenBucketLimits, clock: Pick<Clock, 'now'>) {
    this.#limits = limits
    this.#clock = clock
    this.#tokens = limits.burst
    this.#countedAt = clock.now()
  }

  /** Takes `count` tokens, or none; `false`: there are not as many. */
  take(count = 1): boolean {
    const now = this.#clock.now()
    const { burst, refillPerS } = this.#limits
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) / 1_000) * refillPerS)
    this.#countedAt = now
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  /** Returns an unused token. */
  giveBack(): void {
    this.#tokens = Math.min(this.#limits.burst, this.#tokens + 1)
  }
}
