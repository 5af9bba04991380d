import { BytePart, STALLED_AFTER_MS, type ByteLease, type ByteStats } from './byte-part.ts'
import type { Clock } from './clock.ts'

/** Options of a budget. */
export interface ByteBudgetOptions {
  /** The limit of all parts together. */
  readonly maxBytes: number
  readonly clock: Clock
}

/**
 * Limits the memory of work in flight: one limit for all parts and one per part. Callers acquire bytes before using memory
 * and release them afterwards.
 */
export class ByteBudget {
  readonly maxBytes: number
  /** @internal */
  readonly clock: Clock
  /** @internal Revocable leases, the most recently touched last. */
  readonly revocable = new Set<ByteLease>()
  /** @internal `takenBytes`, counting at most its limit for each part: the excess of a lone lease is not charged to other parts. */
  chargedBytes = 0
  /** @internal Callers waiting for bytes, over all parts. */
  waiting = 0
  /** @internal Bytes are being reclaimed for one lease: grant nothing to others in the meantime. */
  reclaiming = false
  readonly #parts: BytePart[] = []
  #polling: AbortController | undefined

  constructor({ maxBytes, clock }: ByteBudgetOptions) {
    this.maxBytes = maxBytes
    this.clock = clock
  }

  get takenBytes(): number {
    return this.#parts.reduce((bytes, part) => bytes + part.takenBytes, 0)
  }

  /** Adds a part with its own limit, so that one kind of work cannot starve the rest. */
  part(name: string, maxBytes: number = this.maxBytes): BytePart {
    const part = new BytePart(this, name, maxBytes)
    this.#parts.push(part)
    return part
  }

  stats(): readonly ByteStats[] {
    return this.#parts.map((part) => part.stats())
  }

  /** @internal Grants what fits now to those who wait. */
  wake(): void {
    if (this.reclaiming) return
    for (const part of this.#parts) part.grantQueued()
    if (this.waiting > 0) return
    this.#polling?.abort()
    this.#polling = undefined
  }

  /** @internal A stalled lease causes no event, so it has to be polled for while callers wait. */
  async poll(): Promise<void> {
    if (this.#polling) return
    const { signal } = (this.#polling = new AbortController())
    while (!signal.aborted) {
      await this.clock.sleep(STALLED_AFTER_MS / 4, signal)
      this.wake()
    }
  }
}
