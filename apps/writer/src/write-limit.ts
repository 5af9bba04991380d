import type { Clock } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { Acknowledged } from './store/contract.ts'

/**
 * Limits concurrent writes and remembers the last acknowledgement. Excess writes are refused at once: a queue would
 * make all of them late.
 */
export class WriteLimit {
  readonly #maxWrites: number
  readonly #clock: Clock
  readonly #shared: { inFlight: number }
  #acknowledged = 0
  #lastAt: number | undefined
  #wroteAt: number | undefined

  /** @param other counts together with this one; acknowledgements are remembered separately. */
  constructor(maxWrites: number, clock: Clock, other?: WriteLimit) {
    this.#maxWrites = maxWrites
    this.#clock = clock
    this.#shared = other === undefined ? { inFlight: 0 } : other.#shared
  }

  /** Writes in progress. */
  get inFlight(): number {
    return this.#shared.inFlight
  }

  /** Operations that a majority acknowledged, since the start. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** When the last operation was acknowledged, by the clock. */
  get lastAt(): number | undefined {
    return this.#lastAt
  }

  /** When the last one that changed something was acknowledged, by the clock. */
  get wroteAt(): number | undefined {
    return this.#wroteAt
  }

  /** @throws {ProblemError} overloaded; otherwise rejects as `work` does. */
  async run<T extends Acknowledged>(work: () => Promise<T>): Promise<T> {
    if (this.#shared.inFlight >= this.#maxWrites)
      throw new ProblemError('overloaded', { detail: `${this.#maxWrites} writes are in progress.` })
    this.#shared.inFlight++
    try {
      const done = await work()
      this.heard(done.wrote)
      return done
    } finally {
      this.#shared.inFlight--
    }
  }

  /** A majority acknowledged an operation; `wrote`: it changed something. */
  heard(wrote: boolean): void {
    this.#acknowledged++
    this.#lastAt = this.#clock.now()
    if (wrote) this.#wroteAt = this.#lastAt
  }
}
