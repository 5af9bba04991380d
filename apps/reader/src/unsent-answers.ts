import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'

/** All answers together that clients have not taken yet, which take memory beside the cache. */
export class UnsentAnswers {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Ask before the answer is made. One alone always has room. @throws {ProblemError} overloaded */
  expectRoom(bytes: number): void {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes)
      throw new ProblemError('overloaded', { detail: 'Too many answers are on their way to slow clients.' })
  }

  /** The answer has ended; what the connection did not take at once counts until it did, or is gone. */
  count(response: ServerResponse, bytes: number): void {
    if (response.writableFinished) return
    this.#bytes += bytes
    response.once('close', () => {
      this.#bytes -= bytes
    })
  }
}
