import type { BytePart } from '@freshet/kit'
import type { ServerResponse } from 'node:http'
import { BodyShare } from './body-share.ts'

/** What the bytes of writes are counted in. */
export interface BodyBudgetParts {
  /** For bodies, as far as they have come. */
  readonly bodies: BytePart
  /** For what is made of bodies, until the answer has left. */
  readonly writes: BytePart
}

/**
 * The bytes that all writes together may have under way: received, worked on, or waiting for their answer to leave.
 * Without it thousands of connections could each fill their own limit. Who waits for room in one part holds nothing that
 * others in its line wait for: bodies wait for nothing, and writes hold a body.
 */
export class BodyBudget {
  readonly #parts: BodyBudgetParts

  constructor(parts: BodyBudgetParts) {
    this.#parts = parts
  }

  /** What requests have now, together. */
  get takenBytes(): number {
    const { bodies, writes } = this.#parts
    return bodies.takenBytes + writes.takenBytes
  }

  /**
   * Lends `work` a share of its own. It comes back when the work has ended and the answer has left as well, or its
   * client is gone: a client that leaves takes nothing of what is still being written with it.
   */
  async lend<T>(response: ServerResponse, work: (share: BodyShare) => Promise<T>): Promise<T> {
    const share = new BodyShare(this.#parts, response)
    try {
      return await work(share)
    } finally {
      const giveBack = (): void => share[Symbol.dispose]()
      if (response.closed) giveBack()
      else response.once('close', giveBack)
    }
  }
}
