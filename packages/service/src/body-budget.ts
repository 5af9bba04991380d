import type { BytePart } from '@freshet/kit'
import type { ServerResponse } from 'node:http'
import { BodyShare } from './body-share.ts'

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
