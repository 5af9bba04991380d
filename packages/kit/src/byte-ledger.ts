import type { ByteLease } from './byte-lease.ts'
import type { BytePart } from './byte-part.ts'
import type { Clock } from './clock.ts'

/** A lease that may be ended is, when others want room and it has not moved for so long, in milliseconds. */
export const STALLED_AFTER_MS = 4_000

/**
 * How long a request waits for room, in milliseconds. What stands still gives its room back after 5 s at the latest, so
 * clients that take nothing never make others fail.
 */
export const CAPACITY_WAIT_MS = 10_000

/** What all parts of a `ByteBudget` share. */
export class ByteLedger {
  readonly maxBytes: number
  readonly clock: Clock
  readonly parts: BytePart[] = []
  /** Leases that may be ended, the one that moved last at the end. */
  readonly revocable = new Set<ByteLease>()
  takenBytes = 0
  /** As `takenBytes`, of each part no more than its limit: what one that is alone takes beyond it, it takes from nobody. */
  chargedBytes = 0
  /** Room is being made for one: nobody else may take it. */
  reclaiming = false
  /** Ends the looks for leases that stopped moving, which go on while somebody waits. */
  polling: AbortController | undefined

  constructor(maxBytes: number, clock: Clock) {
    this.maxBytes = maxBytes
    this.clock = clock
  }

  wake(): void {
    if (this.reclaiming) return
    for (const part of this.parts) part.grantQueued()
    if (this.parts.some(({ waiting }) => waiting > 0)) return
    this.polling?.abort()
    this.polling = undefined
  }

  /** Nothing tells that a lease has stopped moving, so whoever waits has to look. */
  async poll(): Promise<void> {
    if (this.polling) return
    const { signal } = (this.polling = new AbortController())
    while (!signal.aborted) {
      await this.clock.sleep(STALLED_AFTER_MS / 4, signal)
      this.wake()
    }
  }
}
