import type { ByteBudget } from './byte-budget.ts'
import type { MonotonicMs } from './clock.ts'

/** A revocable lease may be revoked after this many milliseconds without progress. */
export const STALLED_AFTER_MS = 4_000

/**
 * How long a request waits for bytes, in milliseconds. Stalled leases are revoked after 5 s at the latest, so clients that
 * stop reading never make other requests fail.
 */
export const CAPACITY_WAIT_MS = 10_000

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

/** A queued request for bytes. */
interface Waiter {
  readonly lease: ByteLease
  readonly bytes: number
  readonly resolve: (held: boolean) => void
}

/** One part of a `ByteBudget`, with its own limit. */
export class BytePart {
  readonly maxBytes: number
  readonly #budget: ByteBudget
  readonly #name: string
  readonly #queue = new Set<Waiter>()
  #takenBytes = 0
  #refused = 0
  #revoked = 0

  /** @internal Use `ByteBudget.part`. */
  constructor(budget: ByteBudget, name: string, maxBytes: number) {
    this.#budget = budget
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
    return new ByteLease(this, this.#budget)
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
          if (this.#queue.delete(waiter)) this.#budget.waiting -= 1
          resolve(is)
        },
      }
      signal.addEventListener('abort', cancel, { once: true })
      this.#queue.add(waiter)
      this.#budget.waiting += 1
      void this.#budget.poll()
    })
    if (!held) {
      this.#refused += 1
      // Requests behind it may fit now.
      this.#budget.wake()
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
    this.#budget.chargedBytes += Math.min(this.#takenBytes, this.maxBytes) - before
    if (bytes < 0 && this.#budget.waiting > 0) this.#budget.wake()
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
    const missing = this.#budget.chargedBytes + more - this.#budget.maxBytes
    return (missingHere <= 0 && missing <= 0) || this.#reclaim(lease, missingHere, missing)
  }

  /** Revokes stalled leases, but only if that frees enough. */
  #reclaim(asking: ByteLease | undefined, missingHere: number, missing: number): boolean {
    const budget = this.#budget
    const stalledSince = budget.clock.now() - STALLED_AFTER_MS
    const chosen: ByteLease[] = []
    for (const lease of budget.revocable) {
      if ((missingHere <= 0 && missing <= 0) || lease.touchedAt > stalledSince) break
      if (lease === asking || lease.bytes === 0 || (missing <= 0 && lease.part !== this)) continue
      chosen.push(lease)
      missing -= lease.bytes
      if (lease.part === this) missingHere -= lease.bytes
    }
    if (missingHere > 0 || missing > 0) return false
    const wasBusy = budget.reclaiming
    budget.reclaiming = true
    for (const lease of chosen) {
      lease.part.#revoked += 1
      lease.revoke()
    }
    budget.reclaiming = wasBusy
    return true
  }
}

/** The bytes one caller holds of a {@link BytePart}. Dispose it, or its bytes are never released. */
export class ByteLease implements Disposable {
  readonly part: BytePart
  readonly #budget: ByteBudget
  #onRevoke: (() => void) | undefined
  #bytes = 0
  #touchedAt: MonotonicMs

  /** @internal Use {@link BytePart.lease}. */
  constructor(part: BytePart, budget: ByteBudget) {
    this.part = part
    this.#budget = budget
    this.#touchedAt = budget.clock.now()
  }

  get bytes(): number {
    return this.#bytes
  }

  get touchedAt(): MonotonicMs {
    return this.#touchedAt
  }

  /** Resizes the lease to `bytes` if the budget allows it now. Shrinking always succeeds. `false` leaves it unchanged. */
  tryAcquire(bytes: number): boolean {
    if (bytes > this.#bytes && !this.part.tryGrow(this, bytes)) return false
    this.setBytes(bytes)
    return true
  }

  /**
   * Waits in order until `bytes` are available. Resolves with `false` if the signal aborts first. Acquire everything at
   * once: leases that hold bytes while waiting for more could deadlock.
   * @throws {TypeError} the lease already holds bytes.
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (this.#bytes > 0)
      throw new TypeError('expected an empty lease: waiting while holding bytes can deadlock')
    return await this.part.wait(this, bytes, signal)
  }

  /** Like {@link acquire}, but waits at most `CAPACITY_WAIT_MS`. `false` on timeout or if `signal` aborts first. */
  async acquireInTime(bytes: number, signal?: AbortSignal): Promise<boolean> {
    const ended = new AbortController()
    const end = (): void => ended.abort()
    if (signal?.aborted) return false
    signal?.addEventListener('abort', end, { once: true })
    void this.#budget.clock.sleep(CAPACITY_WAIT_MS, ended.signal).then(end)
    try {
      return await this.acquire(bytes, ended.signal)
    } finally {
      signal?.removeEventListener('abort', end)
      end()
    }
  }

  /**
   * Makes the lease revocable: if other leases need bytes and this one has not been touched for four seconds, `onRevoke` is
   * called and its bytes are released. The longest idle leases are revoked first.
   */
  makeRevocable(onRevoke: () => void): void {
    this.#onRevoke = onRevoke
    this.#budget.revocable.add(this)
    this.touch()
  }

  /** Protects the lease from revocation again. */
  makeIrrevocable(): void {
    this.#onRevoke = undefined
    this.#budget.revocable.delete(this)
  }

  /** Call it on progress: protects the lease from revocation for the next four seconds. */
  touch(): void {
    this.#touchedAt = this.#budget.clock.now()
    if (!this.#budget.revocable.delete(this)) return
    this.#budget.revocable.add(this)
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    this.part.cancelWaits(this)
    this.#budget.revocable.delete(this)
    this.setBytes(0)
  }

  /** @internal */
  setBytes(bytes: number): void {
    const more = bytes - this.#bytes
    this.#bytes = bytes
    this.part.add(more)
  }

  /** @internal */
  revoke(): void {
    this.#onRevoke?.()
    this[Symbol.dispose]()
  }
}
