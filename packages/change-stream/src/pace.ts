import { Backoff, type BackoffOptions, type Clock, type MonotonicMs, type RetryDelays } from '@freshet/kit'

/** How fast a broken feed is reopened. */
export interface PaceOptions extends BackoffOptions {
  /**
   * Random delay of the first attempt after a break, so that a thousand readers do not reconnect in the same
   * millisecond.
   */
  readonly spreadMs: number
}

/**
 * At least one second between the starts of attempts, doubling while they fail. A feed that ran for long is reopened at
 * once, and one that breaks immediately does not loop.
 */
export const defaultPace: PaceOptions = Object.freeze({ firstMs: 2_000, maxMs: 8_000, spreadMs: 250 })

/** Pauses between attempts, measured from the start of the previous one. */
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

  /** Records the start of an attempt. */
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
