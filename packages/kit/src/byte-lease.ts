import { CAPACITY_WAIT_MS, type ByteLedger } from './byte-ledger.ts'
import type { BytePart } from './byte-part.ts'
import type { MonotonicMs } from './clock.ts'

/** What one user of a {@link BytePart} holds. Dispose it, or its bytes are taken for ever. */
export class ByteLease implements Disposable {
  readonly part: BytePart
  readonly #ledger: ByteLedger
  #onRevoke: (() => void) | undefined
  #bytes = 0
  #touchedAt: MonotonicMs

  /** Call {@link BytePart.lease}. */
  constructor(part: BytePart, ledger: ByteLedger) {
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

  /** From now on so many bytes in all, if there is room now; less is always taken. `false`: nothing has changed. */
  tryAcquire(bytes: number): boolean {
    if (bytes > this.#bytes && !this.part.tryGrow(this, bytes)) return false
    this.setBytes(bytes)
    return true
  }

  /**
   * So many bytes as soon as there is room, in the order of those who ask; `false`: the signal aborted first. Ask for all
   * at once: two that hold something and wait for more could wait for each other, so that is refused.
   * @throws {TypeError} it holds something.
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (this.#bytes > 0) throw new TypeError('expected a lease that holds nothing: it could wait for ever')
    return await this.part.wait(this, bytes, signal)
  }

  /** As {@link acquire}, but for ten seconds at most (`CAPACITY_WAIT_MS`). `false`: in vain, or `signal` aborted first. */
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
   * From now on it may be ended: when others want room, and it has not {@link touch} for four seconds, `end` is called and
   * its bytes are given back. Those that stood still longest go first.
   */
  makeRevocable(end: () => void): void {
    this.#onRevoke = end
    this.#ledger.revocable.add(this)
    this.touch()
  }

  /** From now on it is not ended for others any more. */
  makeIrrevocable(): void {
    this.#onRevoke = undefined
    this.#ledger.revocable.delete(this)
  }

  /** Something went on: it is not ended for others within the next four seconds. */
  touch(): void {
    this.#touchedAt = this.#ledger.clock.now()
    if (!this.#ledger.revocable.delete(this)) return
    this.#ledger.revocable.add(this)
  }

  /** Twice is fine. */
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
    if (more < 0) this.#ledger.wake()
  }

  /** @internal */
  revoke(): void {
    this.part.countRevoked()
    this.#onRevoke?.()
    this[Symbol.dispose]()
  }
}
