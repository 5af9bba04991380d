import type { BufferBudget } from './buffer-budget.ts'
import type { Defer } from './defer.ts'
import type { Socket } from './socket.ts'

/** What one queue is made of. */
export interface SendQueueParts {
  readonly socket: Omit<Socket, 'close'>
  readonly defer: Defer
  /** Limit of the bytes buffered for the client, in this queue and in the socket each. */
  readonly maxBytes: number
  /** Shared by all clients. */
  readonly budget: BufferBudget
  /** Called once, when a limit is exceeded. */
  readonly onSlow: () => void
}

/** PyPI `websockets` refuses frames above 1 MiB by default. A larger message gets a frame of its own. */
const MAX_FRAME_BYTES = 256 * 2 ** 10

/**
 * Joins the lines of one turn of the event loop into one frame, so that a socket gets one write a turn however many messages
 * arrive.
 */
export class SendQueue {
  readonly #parts: SendQueueParts
  #lines: string[] = []
  #frameBytes = 0
  #waitingBytes = 0
  #deferred = false
  #closed = false

  constructor(parts: SendQueueParts) {
    this.#parts = parts
  }

  /** Queues a line for the frame of this turn. `bytes` is its length in UTF-8. */
  push(line: string, bytes: number): void {
    if (this.#closed) return
    if (this.#frameBytes > 0 && this.#frameBytes + bytes > MAX_FRAME_BYTES) this.#write()
    if (this.#closed) return
    this.#lines.push(line)
    this.#frameBytes += bytes + 1
    this.#waitingBytes += bytes + 1
    if (this.#waitingBytes > this.#parts.maxBytes) return this.#slow()
    if (this.#deferred) return
    this.#deferred = true
    this.#parts.defer(() => this.flush())
  }

  /** Sends what is queued. */
  flush(): void {
    this.#deferred = false
    this.#waitingBytes = 0
    if (this.#closed) return
    this.#write()
    // The client turned out to be disconnected.
    if (this.#closed) return
    const { socket, budget, maxBytes } = this.#parts
    if (!budget.allows(socket) || socket.bufferedBytes > maxBytes) this.#slow()
  }

  /** Drops what is queued and ignores later lines. */
  close(): void {
    this.#closed = true
    this.#lines = []
  }

  #write(): void {
    if (this.#lines.length === 0) return
    const frame = this.#lines.join('\n')
    this.#lines = []
    this.#frameBytes = 0
    this.#parts.socket.send(frame)
  }

  #slow(): void {
    this.close()
    this.#parts.onSlow()
  }
}
