import { ByteLease } from './byte-lease.ts'
import { STALLED_AFTER_MS, type ByteLedger } from './byte-ledger.ts'

/** What one part has, for metrics. */
export interface ByteStats {
  readonly part: string
  readonly takenBytes: number
  /** Callers that wait for room now. */
  readonly waiting: number
  /** Times that somebody was told that there is no room, since the start. */
  readonly refused: number
  /** Leases that were ended, since the start, because they did not move and others wanted room. */
  readonly revoked: number
}

/** Somebody in the line for room. */
interface Waiter {
  readonly lease: ByteLease
  readonly bytes: number
  readonly resolve: (held: boolean) => void
}

/** One kind of use of a `ByteBudget`. */
export class BytePart {
  readonly #ledger: ByteLedger
  readonly #name: string
  readonly #maxBytes: number
  readonly #queue = new Set<Waiter>()
  #takenBytes = 0
  #refused = 0
  #revoked = 0

  /** Call `ByteBudget.part`. */
  constructor(ledger: ByteLedger, name: string, maxBytes: number) {
    this.#ledger = ledger
    this.#name = name
    this.#maxBytes = maxBytes
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** A lease that holds nothing yet. */
  lease(): ByteLease {
    return new ByteLease(this, this.#ledger)
  }

  /** Whether so many bytes could be held now, without a lease that is thrown away. Room is made as for one. */
  hasCapacity(bytes: number): boolean {
    if (this.#queue.size === 0 && this.#fits(undefined, bytes)) return true
    this.#refused += 1
    return false
  }

  stats(): ByteStats {
    return {
      part: this.#name,
      takenBytes: this.#takenBytes,
      waiting: this.#queue.size,
      refused: this.#refused,
      revoked: this.#revoked,
    }
  }

  /** @internal Of a lease. */
  tryGrow(lease: ByteLease, bytes: number): boolean {
    const waitsBehind = this.#queue.size > 0 && lease.bytes === 0
    if (!waitsBehind && this.#fits(lease, bytes)) return true
    this.#refused += 1
    return false
  }

  /** @internal Of a lease. */
  async wait(lease: ByteLease, bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    if (this.#queue.size === 0 && this.#fits(lease, bytes)) {
      lease.setBytes(bytes)
      return true
    }
    const held = await new Promise<boolean>((resolve) => {
      const leave = (): void => waiter.resolve(false)
      const waiter: Waiter = {
        lease,
        bytes,
        resolve: (is) => {
          signal.removeEventListener('abort', leave)
          this.#queue.delete(waiter)
          resolve(is)
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.add(waiter)
      void this.#ledger.poll()
    })
    if (!held) {
      this.#refused += 1
      // Who stood behind it may have room.
      this.#ledger.wake()
    }
    return held
  }

  /** @internal Gives room to those who wait, in order. */
  grantQueued(): void {
    for (const waiter of this.#queue) {
      const { lease, bytes } = waiter
      if (!this.#fits(lease, bytes)) return
      lease.setBytes(bytes)
      waiter.resolve(true)
    }
  }

  /** @internal Of a lease. */
  add(bytes: number): void {
    const before = this.#chargedBytes
    this.#takenBytes += bytes
    this.#ledger.takenBytes += bytes
    this.#ledger.chargedBytes += this.#chargedBytes - before
  }

  /** @internal Of a lease. */
  countRevoked(): void {
    this.#revoked += 1
  }

  /** @internal Nobody waits with this lease any more. */
  cancelWaits(lease: ByteLease): void {
    for (const waiter of this.#queue) if (waiter.lease === lease) waiter.resolve(false)
  }

  /**
   * Whether the lease may have so many bytes in all; room is made when it can be. One that is alone in its part always
   * may: otherwise what is larger than the limit could never be done, and what fills one part could stop another.
   */
  #fits(lease: ByteLease | undefined, bytes: number): boolean {
    const held = lease?.bytes ?? 0
    if (this.#takenBytes === held) return true
    const more = bytes - held
    const missingHere = this.#takenBytes + more - this.#maxBytes
    const missing = this.#ledger.chargedBytes + more - this.#ledger.maxBytes
    return (missingHere <= 0 && missing <= 0) || this.#reclaim(lease, missingHere, missing)
  }

  get #chargedBytes(): number {
    return Math.min(this.#takenBytes, this.#maxBytes)
  }

  /** Ends what stood still, if that gives enough. */
  #reclaim(asking: ByteLease | undefined, missingHere: number, missing: number): boolean {
    const ledger = this.#ledger
    const still = ledger.clock.now() - STALLED_AFTER_MS
    const chosen: ByteLease[] = []
    for (const lease of ledger.revocable) {
      if ((missingHere <= 0 && missing <= 0) || lease.touchedAt > still) break
      if (lease === asking || lease.bytes === 0 || (missing <= 0 && lease.part !== this)) continue
      chosen.push(lease)
      missing -= lease.bytes
      if (lease.part === this) missingHere -= lease.bytes
    }
    if (missingHere > 0 || missing > 0) return false
    const wasBusy = ledger.reclaiming
    ledger.reclaiming = true
    for (const lease of chosen) lease.revoke()
    ledger.reclaiming = wasBusy
    return true
  }
}
