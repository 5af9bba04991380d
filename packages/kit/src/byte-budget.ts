import { ByteLedger } from './byte-ledger.ts'
import { BytePart, type ByteStats } from './byte-part.ts'
import type { Clock } from './clock.ts'

/** What a budget is made of. */
export interface ByteBudgetOptions {
  /** Bytes of all parts together. */
  readonly maxBytes: number
  readonly clock: Clock
}

/**
 * The bytes that a process may hold for what is under way: one limit for all parts, and one for each. Whoever will hold
 * bytes asks first, and gives back what it took.
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

  /** A kind of use with a limit of its own, so that it cannot take the room of all others. */
  part(name: string, maxBytes: number = this.maxBytes): BytePart {
    const part = new BytePart(this.#ledger, name, maxBytes)
    this.#ledger.parts.push(part)
    return part
  }

  stats(): readonly ByteStats[] {
    return this.#ledger.parts.map((part) => part.stats())
  }
}
