import type { Clock, MonotonicMs } from '@freshet/kit'

/** A token bucket: `perSecond` on average, with bursts of twice that. */
export class RateLimit {
  readonly #clock: Pick<Clock, 'now'>
  readonly #perSecond: number
  #left: number
  #at: MonotonicMs

  constructor(perSecond: number, clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#left = 2 * perSecond
    this.#at = clock.now()
  }

  /** Takes `count` tokens, or none; `false`: not enough. */
  take(count: number): boolean {
    const now = this.#clock.now()
    this.#left = Math.min(2 * this.#perSecond, this.#left + ((now - this.#at) / 1_000) * this.#perSecond)
    this.#at = now
    if (this.#left < count) return false
    this.#left -= count
    return true
  }
}
