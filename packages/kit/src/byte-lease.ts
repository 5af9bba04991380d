import type { BytePart, Ledger } from './byte-budget.ts'
import type { MonotonicMs } from './clock.ts'

/**
 * How long a request waits for bytes, in milliseconds. Stalled leases are revoked after 5 s at the latest, so clients that
 * stop reading never make other requests fail.
 */
export const CAPACITY_WAIT_MS = 10_000

/** The bytes one caller holds of a {@link BytePart}. Dispose it, or its bytes are never released. */
export class ByteLease implements Disposable {
  readonly part: BytePart
  readonly #ledger: Ledger
  #onRevoke: (() => void) | undefined
  #bytes = 0
  #touchedAt: MonotonicMs

  /** @internal Use {@link BytePart.lease}. */
  constructor(part: BytePart, ledger: Ledger) {
    this.part = part
    this.#ledger = ledger
    this.#touchedAt = ledger.clock.now()
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
    void this.#ledger.clock.sleep(CAPACITY_WAIT_MS, ended.signal).then(end)
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
    this.#ledger.revocable.add(this)
    this.touch()
  }

  /** Protects the lease from revocation again. */
  makeIrrevocable(): void {
    this.#onRevoke = undefined
    this.#ledger.revocable.delete(this)
  }

  /** Call it on progress: protects the lease from revocation for the next four seconds. */
  touch(): void {
    this.#touchedAt = this.#ledger.clock.now()
    if (!this.#ledger.revocable.delete(this)) return
    this.#ledger.revocable.add(this)
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    this.part.cancelWaits(this)
    this.#ledger.revocable.delete(this)
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
