import type { ByteLease, BytePart } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import { ClientGone } from './client-gone.ts'
import type { BodyBudgetParts } from './body-budget.ts'

/** A body that comes more slowly than this many bytes in four seconds is cut off when others want its room. */
const MOVED_BYTES = 8 * 1024

/**
 * A body may take so many times its size while it is read: `[0,0,…]` is six times as long stored, and is copied for the
 * driver. Measured.
 */
const LARGEST_FACTOR = 20

/** What one write has of a `BodyBudget`. */
export class BodyShare implements Disposable {
  readonly #parts: BodyBudgetParts
  readonly #response: ServerResponse
  readonly #body: ByteLease
  readonly #write: ByteLease
  #movedAtBytes = 0
  #madeBytes = 0

  /** `BodyBudget.lend` makes them. */
  constructor(parts: BodyBudgetParts, response: ServerResponse) {
    this.#parts = parts
    this.#response = response
    this.#body = parts.bodies.lease()
    this.#write = parts.writes.lease()
  }

  /** The body is being received: `end` is called when others get its room, since it does not come on. */
  receiving(end: () => void): void {
    this.#movedAtBytes = 0
    this.#body.makeRevocable(end)
  }

  /** So much of the body has come, or has its place; less than before changes nothing. @throws {ProblemError} overloaded */
  growTo(bytes: number): void {
    if (bytes > this.#body.bytes && !this.#body.tryAcquire(bytes))
      throw overloaded(this.#parts.bodies, 'bodies')
  }

  /** So many bytes of the body have come. */
  came(bytes: number): void {
    if (bytes - this.#movedAtBytes < MOVED_BYTES) return
    this.#movedAtBytes = bytes
    this.#body.touch()
  }

  /**
   * The body is whole, and has so many bytes. Waits for the room that it may take while it is read. Read it in the turn
   * in which this settles, and call {@link made} next.
   * @throws {ProblemError} overloaded. @throws {ClientGone}
   */
  async whole(bytes: number): Promise<void> {
    this.#body.makeIrrevocable()
    const most = bytes * LARGEST_FACTOR
    if (!this.#write.tryAcquire(most)) await this.#wait(most)
  }

  /** So many bytes are kept of what was made of the body; the body itself is not needed any more. */
  made(bytes: number): void {
    this.#body[Symbol.dispose]()
    this.#madeBytes = Math.min(bytes, this.#write.bytes)
    this.#write.tryAcquire(this.#madeBytes)
  }

  /**
   * So many bytes of an answer are kept beside what was made of the body; ask before anything is written. The last call
   * counts.
   * @throws {ProblemError} overloaded
   */
  answers(bytes: number): void {
    if (!this.#write.tryAcquire(this.#madeBytes + bytes)) throw overloaded(this.#parts.writes, 'writes')
  }

  /**
   * All is done: what counts from now on is the answer, while its client takes it.
   * @throws {ProblemError} overloaded: it has more bytes than were asked for, and there is no room for them.
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
    const leave = (): void => gone.abort()
    if (response.closed) leave()
    response.once('close', leave)
    try {
      if (await this.#write.acquireInTime(bytes, gone.signal)) return
      if (response.closed) throw new ClientGone('The client went away while its request waited for room.')
      throw overloaded(this.#parts.writes, 'writes')
    } finally {
      response.off('close', leave)
    }
  }
}

function overloaded({ maxBytes }: BytePart, what: string): ProblemError {
  return new ProblemError('overloaded', {
    detail: `Of ${what} ${Math.floor(maxBytes)} bytes together may be under way.`,
  })
}
