import { GuardError } from '@freshet/guard'
import { ChangeStreamError } from '@freshet/change-stream'

/**
 * How long a reply of the feed is waited for. The server answers when it comes to a change of the database or to the end
 * of its log, and reads through what all others wrote on the way: after a long break that may take longer than a broken
 * connection is waited for. So each reply that is late doubles the wait for the next one.
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

  /** Runs one command of the feed. @throws {ChangeStreamError} TOO_FAR_BEHIND: the longest wait was too short. */
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
      throw new ChangeStreamError('TOO_FAR_BEHIND', `the server did not find its way in ${waitedMs} ms`, {
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
