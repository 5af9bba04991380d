import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'

/** What one request has of a {@link BodyBudget}. */
export interface BodyShare {
  /** Asks for so many bytes in all; less than before changes nothing. @throws {ProblemError} overloaded */
  growTo(bytes: number): void
}

/**
 * The bytes of bodies that all requests together may have under way: being received, worked on, or waiting for their
 * answer to leave. Without it thousands of connections could each fill their own limit.
 */
export class BodyBudget {
  readonly #maxBytes: number
  #takenBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What requests have now, together. */
  get takenBytes(): number {
    return this.#takenBytes
  }

  /**
   * Lends `work` a share of its own. It comes back when the work has ended and the answer has left as well, or its
   * client is gone: a client that leaves takes nothing of what is still being written with it.
   */
  async lend<T>(response: ServerResponse, work: (share: BodyShare) => Promise<T>): Promise<T> {
    let taken = 0
    const growTo = (bytes: number): void => {
      if (bytes <= taken) return
      if (this.#takenBytes + bytes - taken > this.#maxBytes)
        throw new ProblemError('overloaded', {
          detail: `Bodies of ${this.#maxBytes} bytes together may be under way.`,
        })
      this.#takenBytes += bytes - taken
      taken = bytes
    }
    try {
      return await work({ growTo })
    } finally {
      const giveBack = (): void => void (this.#takenBytes -= taken)
      if (response.closed) giveBack()
      else if (taken > 0) response.once('close', giveBack)
    }
  }
}
