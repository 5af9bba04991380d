import type { ByteLedger } from './byte-ledger.ts'
import type { BytePart } from './byte-part.ts'
import type { MonotonicMs } from './clock.ts'

/** What one user of a {@link BytePart} holds. Dispose it, or its bytes are taken for ever. */
export class ByteLease implements Disposable {
  readonly part: BytePart
  readonly #ledger: ByteLedger
  readonly #end: (() => void) | undefined
  #bytes = 0
  #movedAt: MonotonicMs

  /** Call {@link BytePart.lease}. */
  constructor(part: BytePart, ledger: ByteLedger, end: (() => void) | undefined) {
    this.part = part
    this.#ledger = ledger
    this.#end = end
    this.#movedAt = ledger.clock.now()
  }

  get bytes(): number {
    return this.#bytes
  }

  get movedAt(): MonotonicMs {
    return this.#movedAt
  }

  /** From now on so many bytes in all, if there is room now; less is always taken. `false`: nothing has changed. */
  tryHold(bytes: number): boolean {
    if (bytes > this.#bytes && !this.part.take(this, bytes)) return false
    this.granted(bytes)
    return true
  }

  /**
   * So many bytes as soon as there is room, in the order of those who ask; `false`: the signal aborted first. Ask for all
   * at once: two that hold something and wait for more could wait for each other, so that is refused.
   * @throws {TypeError} it holds something.
   */
  async hold(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (this.#bytes > 0) throw new TypeError('expected a lease that holds nothing: it could wait for ever')
    return await this.part.wait(this, bytes, signal)
  }

  /** Something went on: it is not ended for others within the next second. */
  moved(): void {
    this.#movedAt = this.#ledger.clock.now()
    if (!this.#ledger.mayEnd.delete(this)) return
    this.#ledger.mayEnd.add(this)
  }

  /** Twice is fine. */
  [Symbol.dispose](): void {
    this.part.leave(this)
    this.granted(0)
  }

  /** @internal */
  granted(bytes: number): void {
    const more = bytes - this.#bytes
    this.#bytes = bytes
    this.part.add(more)
    if (this.#end) {
      if (bytes === 0) this.#ledger.mayEnd.delete(this)
      else if (!this.#ledger.mayEnd.has(this)) {
        this.#movedAt = this.#ledger.clock.now()
        this.#ledger.mayEnd.add(this)
      }
    }
    if (more < 0) this.#ledger.wake()
  }

  /** @internal */
  endForOthers(): void {
    this.part.countEnded()
    this.#end?.()
    this[Symbol.dispose]()
  }
}
