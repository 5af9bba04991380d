import { GuardError } from '@freshet/guard'
import { ChangeStreamError } from '@freshet/change-stream'

/**
 * The deadline for a reply of the feed. The server replies when it finds a change of the database or reaches the end of
 * its log, and reads through all unrelated changes on the way. After a long break this can exceed the timeout for a
 * broken connection, so each late reply doubles the next wait.
 */
export class ReplyDeadline {
  readonly #firstMs: number
  readonly #longestMs: number
  #waitMs: number

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
    this.#waitMs = firstMs
  }

  /** Runs one command of the feed. @throws {ChangeStreamError} TOO_FAR_BEHIND: the longest wait was not enough. */
  async wait<T>(ask: (waitMs: number) => Promise<T>): Promise<T> {
    try {
      const reply = await ask(this.#waitMs)
      this.#waitMs = this.#firstMs
      return reply
    } catch (error) {
      if (!isLate(error)) throw error
      const waitedMs = this.#waitMs
      this.#waitMs = Math.min(waitedMs * 2, this.#longestMs)
      if (waitedMs < this.#longestMs) throw error
      throw new ChangeStreamError('TOO_FAR_BEHIND', `the server did not reply within ${waitedMs} ms`, {
        cause: error,
      })
    }
  }
}

function isLate(error: unknown): boolean {
  return (
    error instanceof ChangeStreamError &&
    error.cause instanceof GuardError &&
    error.cause.code === 'REPLY_TIMEOUT'
  )
}
