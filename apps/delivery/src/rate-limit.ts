import type { Clock, MonotonicMs } from '@freshet/kit'

/** How many commands a client may send: on average, and at once when it was quiet for two seconds. */
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

  /** Takes so many; `false`: too many. */
  take(count: number): boolean {
    const now = this.#clock.now()
    this.#left = Math.min(2 * this.#perSecond, this.#left + ((now - this.#at) / 1_000) * this.#perSecond)
    this.#at = now
    this.#left -= count
    return this.#left >= 0
  }
}
