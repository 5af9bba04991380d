/** Delays between attempts: doubling from `firstMs` up to `maxMs`. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Exponential back-off with jitter over the upper half of each delay, so that a thousand readers that lost the same
 * primary do not reconnect in the same millisecond. `random` returns numbers in [0, 1).
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: () => number
  #nextMs: number

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options
    this.#random = random
    this.#nextMs = options.firstMs
  }

  /** The delay before the next attempt, in milliseconds. Each call doubles the following one. */
  next(): number {
    const ceilingMs = this.#nextMs
    this.#nextMs = Math.min(ceilingMs * 2, this.#options.maxMs)
    return ceilingMs / 2 + (this.#random() * ceilingMs) / 2
  }

  /** Call it after a success: restarts at `firstMs`. */
  reset(): void {
    this.#nextMs = this.#options.firstMs
  }
}
