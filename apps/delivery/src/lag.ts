/** Upper bounds of the buckets, in seconds. */
export const LAG_BUCKETS_S: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60,
]

/** How long messages took, as far as buckets tell. */
export interface LagFigures {
  readonly count: number
  /** Half of the messages, and 99 % of them, took at most this long; `undefined`: none yet, or longer than a minute. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/** The time from a message's own timestamp, set by the writer, until it is sent to clients. */
export class LagMeter {
  readonly #counts = new Float64Array(LAG_BUCKETS_S.length + 1)
  readonly #observe: (seconds: number) => void
  #count = 0

  /** `observe`: also receives each value. */
  constructor(observe: (seconds: number) => void = () => undefined) {
    this.#observe = observe
  }

  /** Clocks of two machines differ, so a negative time counts as 0. */
  add(ms: number): void {
    const seconds = Math.max(0, ms / 1_000)
    const index = LAG_BUCKETS_S.findIndex((bound) => seconds <= bound)
    const bucket = index < 0 ? LAG_BUCKETS_S.length : index
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count += 1
    this.#observe(seconds)
  }

  figures(): LagFigures {
    return { count: this.#count, p50Ms: this.#quantile(0.5), p99Ms: this.#quantile(0.99) }
  }

  #quantile(share: number): number | undefined {
    let seen = 0
    for (const [index, bound] of LAG_BUCKETS_S.entries()) {
      seen += this.#counts[index] ?? 0
      if (this.#count > 0 && seen >= share * this.#count) return bound * 1_000
    }
    return undefined
  }
}
