import type { ByteLease } from './byte-lease.ts'
import type { BytePart } from './byte-part.ts'
import type { Clock } from './clock.ts'

/** A revocable lease may be revoked after this many milliseconds without progress. */
export const STALLED_AFTER_MS = 4_000

/**
 * How long a request waits for bytes, in milliseconds. Stalled leases are revoked after 5 s at the latest, so clients that
 * stop reading never make other requests fail.
 */
export const CAPACITY_WAIT_MS = 10_000

/** State shared by all parts of a `ByteBudget`. */
export class ByteLedger {
  readonly maxBytes: number
  readonly clock: Clock
  readonly parts: BytePart[] = []
  /** Revocable leases, the most recently touched last. */
  readonly revocable = new Set<ByteLease>()
  takenBytes = 0
  /** `takenBytes`, counting at most its limit for each part: the excess of a lone lease is not charged to other parts. */
  chargedBytes = 0
  /** Bytes are being reclaimed for one lease: grant nothing to others in the meantime. */
  reclaiming = false
  /** Stops the polling for stalled leases, which runs while callers wait. */
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

  /** A stalled lease causes no event, so it has to be polled for while callers wait. */
  async poll(): Promise<void> {
    if (this.polling) return
    const { signal } = (this.polling = new AbortController())
    while (!signal.aborted) {
      await this.clock.sleep(STALLED_AFTER_MS / 4, signal)
      this.wake()
    }
  }
}
