import type { BufferBudget } from './buffer-budget.ts'
import type { Defer } from './defer.ts'
import type { Socket } from './socket.ts'

/** What all queues share. */
export interface SendQueueTools {
  readonly turn: SendTurn
  /** Shared by all clients. */
  readonly budget: BufferBudget
  readonly limits: {
    /** Limit of the bytes buffered for a client, in its queue and in its socket each. */
    readonly maxBufferBytes: number
  }
}

/** The client of a queue. */
export interface SendQueueOwner {
  /** Called once, when a limit is exceeded. */
  end(code: 'slow'): void
}

/** PyPI `websockets` refuses frames above 1 MiB by default. A larger message gets a frame of its own. */
const MAX_FRAME_BYTES = 256 * 2 ** 10

/** Flushes all queues that were filled in one turn of the event loop, with one deferred call for all of them. */
export class SendTurn {
  readonly #defer: Defer
  #queues: SendQueue[] = []

  constructor(defer: Defer) {
    this.#defer = defer
  }

  /** Flushes the queue after this turn. */
  add(queue: SendQueue): void {
    if (this.#queues.push(queue) === 1) this.#defer(this.#flush)
  }

  readonly #flush = (): void => {
    const queues = this.#queues
    this.#queues = []
    for (const queue of queues) queue.flush()
  }
}

/**
 * Joins the lines of one turn of the event loop into one frame, so that a socket gets one write a turn however many messages
 * arrive.
 */
export class SendQueue {
  readonly #tools: SendQueueTools
  readonly #socket: Omit<Socket, 'close'>
  readonly #owner: SendQueueOwner
  #frame = ''
  #frameBytes = 0
  #waitingBytes = 0
  #deferred = false
  #closed = false

  constructor(tools: SendQueueTools, socket: Omit<Socket, 'close'>, owner: SendQueueOwner) {
    this.#tools = tools
    this.#socket = socket
    this.#owner = owner
  }

  /** Queues a line for the frame of this turn. `bytes` is its length in UTF-8. */
  push(line: string, bytes: number): void {
    if (this.#closed) return
    if (this.#frameBytes > 0 && this.#frameBytes + bytes > MAX_FRAME_BYTES) this.#write()
    if (this.#closed) return
    this.#frame = this.#frameBytes === 0 ? line : `${this.#frame}\n${line}`
    this.#frameBytes += bytes + 1
    this.#waitingBytes += bytes + 1
    if (this.#waitingBytes > this.#tools.limits.maxBufferBytes) return this.#slow()
    if (this.#deferred) return
    this.#deferred = true
    this.#tools.turn.add(this)
  }

  /** Sends what is queued. */
  flush(): void {
    this.#deferred = false
    this.#waitingBytes = 0
    if (this.#closed) return
    this.#write()
    // The client turned out to be disconnected.
    if (this.#closed) return
    const { budget, limits } = this.#tools
    const buffered = this.#socket.bufferedBytes
    if (!budget.allows(this.#socket, buffered) || buffered > limits.maxBufferBytes) this.#slow()
  }

  /** Drops what is queued and ignores later lines. */
  close(): void {
    this.#closed = true
    this.#frame = ''
    this.#frameBytes = 0
  }

  #write(): void {
    if (this.#frameBytes === 0) return
    const frame = this.#frame
    // Newlines are between lines, not after the last one.
    const bytes = this.#frameBytes - 1
    this.#frame = ''
    this.#frameBytes = 0
    this.#socket.send(frame, bytes)
  }

  #slow(): void {
    this.close()
    this.#owner.end('slow')
  }
}
