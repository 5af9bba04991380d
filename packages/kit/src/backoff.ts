/** How long to wait between attempts: doubling from `firstMs` up to `maxMs`. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * The waits between failed attempts, with full jitter above one half, so that a thousand readers that lost the same
 * primary do not come back in the same millisecond. `random` is in [0, 1).
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

  /** The wait before the next attempt, in milliseconds; each call doubles the one after it. */
  next(): number {
    const ceilingMs = this.#nextMs
    this.#nextMs = Math.min(ceilingMs * 2, this.#options.maxMs)
    return ceilingMs / 2 + (this.#random() * ceilingMs) / 2
  }

  /** An attempt succeeded: start again from `firstMs`. */
  reset(): void {
    this.#nextMs = this.#options.firstMs
  }
}
