import { ChangeStreamError } from '@freshet/change-stream'

/**
 * The process of the server that the feed is open on, and that was asked which history it has. Behind the same address
 * there may be another one at any moment, as after a restore, and what it says is of another history until that is
 * known: so replies count only when they come from this one.
 */
export class FollowedServer {
  #id: string | undefined

  /** This one was asked, and has the history that is followed. */
  proved(id: string | undefined): void {
    this.#id = id
  }

  /** Before anything is followed every server is as good. @throws {ChangeStreamError} POSITION_UNAVAILABLE */
  expect(id: string | undefined): void {
    if (this.#id === undefined || this.#id === id) return
    throw new ChangeStreamError(
      'POSITION_UNAVAILABLE',
      `expected a reply of the server that is followed, ${this.#id}, got one of ${String(id)}`,
    )
  }
}
