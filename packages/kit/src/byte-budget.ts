import { ByteLedger } from './byte-ledger.ts'
import { BytePart, type ByteStats } from './byte-part.ts'
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
  readonly #ledger: ByteLedger

  constructor({ maxBytes, clock }: ByteBudgetOptions) {
    this.#ledger = new ByteLedger(maxBytes, clock)
  }

  get maxBytes(): number {
    return this.#ledger.maxBytes
  }

  get takenBytes(): number {
    return this.#ledger.takenBytes
  }

  /** Adds a part with its own limit, so that one kind of work cannot starve the rest. */
  part(name: string, maxBytes: number = this.maxBytes): BytePart {
    const part = new BytePart(this.#ledger, name, maxBytes)
    this.#ledger.parts.push(part)
    return part
  }

  stats(): readonly ByteStats[] {
    return this.#ledger.parts.map((part) => part.stats())
  }
}
