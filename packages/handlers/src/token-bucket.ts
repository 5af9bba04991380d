import type { Clock, MonotonicMs } from '@freshet/kit'

/** How often a handler may write because of one thing. */
export interface BucketLimits {
  /** Calls that write, at once. */
  readonly burst: number
  /** Further ones, a second. */
  readonly refillPerS: number
  /** How long nothing is let through once it was empty, in milliseconds. */
  readonly openMs: number
}

/** A token bucket that stays shut for a while once it was empty: a loop would take each new token at once. */
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

  /** Whether the breaker is open: nothing is let through. */
  get open(): boolean {
    return this.#clock.now() < this.#openUntil
  }

  /** Takes one token; `false`: there is none, and there will be none for `openMs`. */
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

  /** Gives one back that was taken for nothing. Opens nothing that is shut. */
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
