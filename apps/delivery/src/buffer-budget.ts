import type { Socket } from './socket.ts'
import type { TimerWheel } from './timer-wheel.ts'

type Buffered = Pick<Socket, 'bufferedBytes'>

/** How often those that may have taken what waited for them are looked at. */
const REVIEW_MS = 1_000

/**
 * What may wait for all clients together: thousands of slow ones could each fill their own limit. When it is full, a client
 * that has more than its share is too slow.
 */
export class BufferBudget {
  readonly #maxBytes: number
  readonly #wheel: TimerWheel
  readonly #waiting = new Map<Buffered, number>()
  #bytes = 0
  #reviewing = false

  constructor(maxBytes: number, wheel: TimerWheel) {
    this.#maxBytes = maxBytes
    this.#wheel = wheel
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Counts what waits for a client now; `false`: it has more than its share. */
  allows(socket: Buffered): boolean {
    const bytes = socket.bufferedBytes
    // Most clients take everything at once.
    if (bytes === 0 && !this.#waiting.has(socket)) return true
    this.#set(socket, bytes)
    return this.#bytes <= this.#maxBytes || bytes <= this.#maxBytes / this.#waiting.size
  }

  /** The client is gone. */
  forget(socket: Buffered): void {
    this.#set(socket, 0)
  }

  #set(socket: Buffered, bytes: number): void {
    this.#bytes += bytes - (this.#waiting.get(socket) ?? 0)
    if (bytes > 0) this.#waiting.set(socket, bytes)
    else this.#waiting.delete(socket)
    if (this.#waiting.size === 0 || this.#reviewing) return
    this.#reviewing = true
    this.#wheel.set(REVIEW_MS, () => this.#review())
  }

  #review(): void {
    this.#reviewing = false
    for (const socket of this.#waiting.keys()) this.#set(socket, socket.bufferedBytes)
  }
}
