import type { ByteLease, BytePart } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import { ClientGone } from './answers.ts'

/** The budget parts that count the bytes of writes. */
export interface BodyBudgetParts {
  /** Request bodies, as received so far. */
  readonly bodies: BytePart
  /** Parsed documents and answers, until the response has been sent. */
  readonly writes: BytePart
}

/**
 * The bytes of all writes in progress: bodies being received, documents being processed, responses being sent. Without
 * it, thousands of connections could each use their own limit.
 * Deadlock-free: receiving a body never waits, and a write waits only while it holds a body.
 */
export class BodyBudget {
  readonly #parts: BodyBudgetParts

  constructor(parts: BodyBudgetParts) {
    this.#parts = parts
  }

  /** Bytes in use by all requests. */
  get takenBytes(): number {
    const { bodies, writes } = this.#parts
    return bodies.takenBytes + writes.takenBytes
  }

  /**
   * Gives `work` a share of the budget. The share is released when both the work has ended and the response has closed:
   * a write continues after its client disconnects, and keeps its bytes until then.
   */
  async lend<T>(response: ServerResponse, work: (share: BodyShare) => Promise<T>): Promise<T> {
    const share = new BodyShare(this.#parts, response)
    try {
      return await work(share)
    } finally {
      const release = (): void => share[Symbol.dispose]()
      if (response.closed) release()
      else response.once('close', release)
    }
  }
}

/** A body that arrives more slowly than this in four seconds is dropped when other requests need the space. */
const PROGRESS_BYTES = 8 * 1024

/**
 * Memory that parsing a body may need, as a multiple of its size. `[0,0,…]` is six times as large when stored, and the
 * driver copies it. Measured.
 */
const LARGEST_FACTOR = 20

/** The part of a `BodyBudget` that one write uses. */
export class BodyShare implements Disposable {
  readonly #parts: BodyBudgetParts
  readonly #response: ServerResponse
  readonly #body: ByteLease
  readonly #write: ByteLease
  #progressAtBytes = 0
  #madeBytes = 0

  /** Created by `BodyBudget.lend`. */
  constructor(parts: BodyBudgetParts, response: ServerResponse) {
    this.#parts = parts
    this.#response = response
    this.#body = parts.bodies.lease()
    this.#write = parts.writes.lease()
  }

  /** Call it when the body starts to arrive. `end` is called if the body stalls and other requests need its space. */
  receiving(end: () => void): void {
    this.#progressAtBytes = 0
    this.#body.makeRevocable(end)
  }

  /** Reserves space for this many body bytes; never shrinks. @throws {ProblemError} overloaded */
  reserve(bytes: number): void {
    if (bytes > this.#body.bytes && !this.#body.tryAcquire(bytes))
      throw overloaded(this.#parts.bodies, 'bodies')
  }

  /** Reports how many body bytes have arrived. */
  received(bytes: number): void {
    if (bytes - this.#progressAtBytes < PROGRESS_BYTES) return
    this.#progressAtBytes = bytes
    this.#body.touch()
  }

  /**
   * Call it when the whole body has arrived. Waits for the memory that parsing may need. Parse the body in the turn in
   * which this resolves, then call {@link made}.
   * @throws {ProblemError} overloaded. @throws {ClientGone}
   */
  async complete(bytes: number): Promise<void> {
    this.#body.makeIrrevocable()
    const most = bytes * LARGEST_FACTOR
    if (!this.#write.tryAcquire(most)) await this.#wait(most)
  }

  /** Releases the body and keeps `bytes` for the parsed document. */
  made(bytes: number): void {
    this.#body[Symbol.dispose]()
    this.#madeBytes = Math.min(bytes, this.#write.bytes)
    this.#write.tryAcquire(this.#madeBytes)
  }

  /**
   * Reserves `bytes` for the answer in addition to the parsed document. Call it before writing to the database; the
   * last call counts.
   * @throws {ProblemError} overloaded
   */
  answers(bytes: number): void {
    if (!this.#write.tryAcquire(this.#madeBytes + bytes)) throw overloaded(this.#parts.writes, 'writes')
  }

  /**
   * Call it when the write is done: from here on only the response counts.
   * @throws {ProblemError} overloaded: the response is larger than was reserved, and there is no space.
   */
  answering(bytes: number): ByteLease {
    this.#body[Symbol.dispose]()
    if (!this.#write.tryAcquire(bytes)) throw overloaded(this.#parts.writes, 'writes')
    return this.#write
  }

  [Symbol.dispose](): void {
    this.#body[Symbol.dispose]()
    this.#write[Symbol.dispose]()
  }

  async #wait(bytes: number): Promise<void> {
    const response = this.#response
    const gone = new AbortController()
    const cancel = (): void => gone.abort()
    if (response.closed) cancel()
    response.once('close', cancel)
    try {
      if (await this.#write.acquireInTime(bytes, gone.signal)) return
      if (response.closed)
        throw new ClientGone('The client disconnected while its request waited for memory.')
      throw overloaded(this.#parts.writes, 'writes')
    } finally {
      response.off('close', cancel)
    }
  }
}

function overloaded({ maxBytes }: BytePart, what: string): ProblemError {
  return new ProblemError('overloaded', {
    detail: `The limit of ${Math.floor(maxBytes)} bytes for ${what} in progress is reached.`,
  })
}
