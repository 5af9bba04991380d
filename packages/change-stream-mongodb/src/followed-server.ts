import { ChangeStreamError } from '@freshet/change-stream'

/**
 * The server process that holds the feed and whose history was verified. Another one may appear behind the same address
 * at any time, for example after a restore, and its history is unknown until verified. Only replies from the verified
 * process count.
 */
export class FollowedServer {
  #id: string | undefined

  /** Records that this process was verified to have the followed history. */
  proved(id: string | undefined): void {
    this.#id = id
  }

  /** Accepts any server until one is verified. @throws {ChangeStreamError} POSITION_UNAVAILABLE */
  expect(id: string | undefined): void {
    if (this.#id === undefined || this.#id === id) return
    throw new ChangeStreamError(
      'POSITION_UNAVAILABLE',
      `expected a reply from the followed server ${this.#id}, got one from ${String(id)}`,
    )
  }
}
