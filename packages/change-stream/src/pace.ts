import { Backoff, type BackoffOptions, type Clock, type MonotonicMs, type RetryDelays } from '@freshet/kit'

/** How fast a broken feed is opened again. */
export interface PaceOptions extends BackoffOptions {
  /** Spread of the first attempt after a break, so that a thousand readers do not come in the same millisecond. */
  readonly spreadMs: number
}

/**
 * One second at least, and at most two, between the beginnings of attempts, doubling while they fail. So a feed that
 * ran for long is opened again at once when it breaks, and one that breaks at once does not loop.
 */
export const defaultPace: PaceOptions = Object.freeze({ firstMs: 2_000, maxMs: 8_000, spreadMs: 250 })

/** The pauses between attempts, counted from the beginning of the last one. */
export class Pace implements RetryDelays {
  readonly #backoff: Backoff
  readonly #clock: Clock
  readonly #random: () => number
  readonly #spreadMs: number
  #begunAt: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(options: PaceOptions, clock: Clock, random: () => number) {
    this.#backoff = new Backoff(options, random)
    this.#clock = clock
    this.#random = random
    this.#spreadMs = options.spreadMs
  }

  /** An attempt begins. */
  begin(): void {
    this.#begunAt = this.#clock.now()
  }

  next(): number {
    const elapsedMs = this.#clock.now() - this.#begunAt
    return Math.max(this.#backoff.next() - elapsedMs, this.#random() * this.#spreadMs)
  }

  reset(): void {
    this.#backoff.reset()
  }
}
