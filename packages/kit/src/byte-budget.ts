import { ByteLease } from './byte-lease.ts'
import type { Clock } from './clock.ts'

/** A revocable lease may be revoked after this many milliseconds without progress. */
const STALLED_AFTER_MS = 4_000

/** Options of a budget. */
export interface ByteBudgetOptions {
  /** The limit of all parts together. */
  readonly maxBytes: number
  readonly clock: Clock
}

/** Metrics of one part. */
export interface ByteStats {
  readonly part: string
  readonly takenBytes: number
  /** Callers waiting for bytes now. */
  readonly waiting: number
  /** Requests refused for lack of bytes, since the start. */
  readonly refused: number
  /** Stalled leases revoked for other leases, since the start. */
  readonly revoked: number
}

/**
 * Limits the memory of work in flight: one limit for all parts and one per part. Callers acquire bytes before using memory
 * and release them afterwards.
 */
export class ByteBudget {
  readonly #ledger: Ledger

  constructor({ maxBytes, clock }: ByteBudgetOptions) {
    this.#ledger = new Ledger(maxBytes, clock)
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

/** State shared by all parts of a budget. */
export class Ledger {
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
  #polling: AbortController | undefined

  constructor(maxBytes: number, clock: Clock) {
    this.maxBytes = maxBytes
    this.clock = clock
  }

  /** Grants what fits now to those who wait. */
  wake(): void {
    if (this.reclaiming) return
    for (const part of this.parts) part.grantQueued()
    if (this.parts.some(({ waiting }) => waiting > 0)) return
    this.#polling?.abort()
    this.#polling = undefined
  }

  /** A stalled lease causes no event, so it has to be polled for while callers wait. */
  async poll(): Promise<void> {
    if (this.#polling) return
    const { signal } = (this.#polling = new AbortController())
    while (!signal.aborted) {
      await this.clock.sleep(STALLED_AFTER_MS / 4, signal)
      this.wake()
    }
  }
}

/** A queued request for bytes. */
interface Waiter {
  readonly lease: ByteLease
  readonly bytes: number
  readonly resolve: (held: boolean) => void
}

/** One part of a `ByteBudget`, with its own limit. */
export class BytePart {
  readonly maxBytes: number
  readonly #ledger: Ledger
  readonly #name: string
  readonly #queue = new Set<Waiter>()
  #takenBytes = 0
  #refused = 0
  #revoked = 0

  /** @internal Use `ByteBudget.part`. */
  constructor(ledger: Ledger, name: string, maxBytes: number) {
    this.#ledger = ledger
    this.#name = name
    this.maxBytes = maxBytes
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** A new, empty lease. */
  lease(): ByteLease {
    return new ByteLease(this, this.#ledger)
  }

  /** Whether a new lease could acquire `bytes` now. Revokes stalled leases if needed, as acquiring would. */
  hasCapacity(bytes: number): boolean {
    return this.tryGrow(undefined, bytes)
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

  /** @internal For leases. */
  tryGrow(lease: ByteLease | undefined, bytes: number): boolean {
    const waitsBehind = this.#queue.size > 0 && (lease?.bytes ?? 0) === 0
    if (!waitsBehind && this.#fits(lease, bytes)) return true
    this.#refused += 1
    return false
  }

  /** @internal For leases. */
  async wait(lease: ByteLease, bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    if (this.#queue.size === 0 && this.#fits(lease, bytes)) {
      lease.setBytes(bytes)
      return true
    }
    const held = await new Promise<boolean>((resolve) => {
      const cancel = (): void => waiter.resolve(false)
      const waiter: Waiter = {
        lease,
        bytes,
        resolve: (is) => {
          signal.removeEventListener('abort', cancel)
          this.#queue.delete(waiter)
          resolve(is)
        },
      }
      signal.addEventListener('abort', cancel, { once: true })
      this.#queue.add(waiter)
      void this.#ledger.poll()
    })
    if (!held) {
      this.#refused += 1
      // Requests behind it may fit now.
      this.#ledger.wake()
    }
    return held
  }

  /** @internal Grants bytes to queued requests, in order. */
  grantQueued(): void {
    for (const waiter of this.#queue) {
      const { lease, bytes } = waiter
      if (!this.#fits(lease, bytes)) return
      lease.setBytes(bytes)
      waiter.resolve(true)
    }
  }

  /** @internal For leases. */
  add(bytes: number): void {
    const before = Math.min(this.#takenBytes, this.maxBytes)
    this.#takenBytes += bytes
    this.#ledger.takenBytes += bytes
    this.#ledger.chargedBytes += Math.min(this.#takenBytes, this.maxBytes) - before
    if (bytes < 0) this.#ledger.wake()
  }

  /** @internal Cancels the waits of a lease. */
  cancelWaits(lease: ByteLease): void {
    for (const waiter of this.#queue) if (waiter.lease === lease) waiter.resolve(false)
  }

  /**
   * Whether the lease may grow to `bytes`, revoking stalled leases if needed. The only lease of a part always may:
   * otherwise work larger than the limit could never run, and a full part could block another.
   */
  #fits(lease: ByteLease | undefined, bytes: number): boolean {
    const held = lease?.bytes ?? 0
    if (this.#takenBytes === held) return true
    const more = bytes - held
    const missingHere = this.#takenBytes + more - this.maxBytes
    const missing = this.#ledger.chargedBytes + more - this.#ledger.maxBytes
    return (missingHere <= 0 && missing <= 0) || this.#reclaim(lease, missingHere, missing)
  }

  /** Revokes stalled leases, but only if that frees enough. */
  #reclaim(asking: ByteLease | undefined, missingHere: number, missing: number): boolean {
    const ledger = this.#ledger
    const stalledSince = ledger.clock.now() - STALLED_AFTER_MS
    const chosen: ByteLease[] = []
    for (const lease of ledger.revocable) {
      if ((missingHere <= 0 && missing <= 0) || lease.touchedAt > stalledSince) break
      if (lease === asking || lease.bytes === 0 || (missing <= 0 && lease.part !== this)) continue
      chosen.push(lease)
      missing -= lease.bytes
      if (lease.part === this) missingHere -= lease.bytes
    }
    if (missingHere > 0 || missing > 0) return false
    const wasBusy = ledger.reclaiming
    ledger.reclaiming = true
    for (const lease of chosen) {
      lease.part.#revoked += 1
      lease.revoke()
    }
    ledger.reclaiming = wasBusy
    return true
  }
}
