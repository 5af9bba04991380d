import type { Socket } from './socket.ts'
import type { TimerWheel } from './timer-wheel.ts'

type Buffered = Pick<Socket, 'bufferedBytes' | 'cut'>

/** How often the buffers of slow clients are measured again. */
const REVIEW_MS = 1_000

/**
 * Limits the bytes buffered for all clients together: thousands of slow clients could each fill their own limit. When the
 * budget is exceeded, clients that are being closed are cut first; then a client with more than its fair share counts as
 * slow.
 */
export class BufferBudget {
  readonly #maxBytes: number
  readonly #wheel: TimerWheel
  readonly #waiting = new Map<Buffered, number>()
  readonly #closing = new Set<Buffered>()
  #bytes = 0
  #reviewing = false

  constructor(maxBytes: number, wheel: TimerWheel) {
    this.#maxBytes = maxBytes
    this.#wheel = wheel
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Notes the size of a client's buffer; `false`: the budget is exceeded and the client has more than its fair share. */
  allows(socket: Buffered, bytes = socket.bufferedBytes): boolean {
    // The usual case: the kernel has taken everything.
    if (bytes === 0 && !this.#waiting.has(socket)) return true
    this.#set(socket, bytes)
    if (this.#bytes > this.#maxBytes) this.#cutClosing()
    return this.#bytes <= this.#maxBytes || bytes <= this.#maxBytes / this.#waiting.size
  }

  /** The client is being closed. What it has not read yet takes memory until it has disconnected. */
  closing(socket: Buffered): void {
    const bytes = socket.bufferedBytes
    this.#set(socket, bytes)
    if (bytes > 0) this.#closing.add(socket)
  }

  /** The client has disconnected. */
  forget(socket: Buffered): void {
    this.#closing.delete(socket)
    this.#set(socket, 0)
  }

  #cutClosing(): void {
    for (const socket of this.#closing) {
      socket.cut()
      this.forget(socket)
    }
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
