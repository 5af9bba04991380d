import type { Clock } from '@freshet/kit'
import type { Drainable, Grace } from '@freshet/service'
import type { CloseCode } from './protocol/codes.ts'

/** A connection that can be closed. */
export interface Closable {
  end(code: CloseCode): void
}

const PAUSE_MS = 20

/** Share of the grace period; the rest is for the close handshakes of the last connections. */
const PART = 0.8

/** Closes every connection with 3001, evenly over the grace period, so that other instances do not get a reconnect storm. */
export class ConnectionDrain implements Drainable {
  readonly name = 'connections'
  readonly #open: ReadonlySet<Closable>
  readonly #clock: Clock

  constructor(open: ReadonlySet<Closable>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  async drain({ ms, signal }: Grace): Promise<void> {
    const clock = this.#clock
    const connections = [...this.#open]
    const beganAt = clock.now()
    let closed = 0
    while (closed < connections.length) {
      const due = signal.aborted ? 1 : (clock.now() - beganAt) / (ms * PART)
      const until = Math.ceil(connections.length * Math.min(due, 1))
      for (const connection of connections.slice(closed, until)) connection.end('shutdown')
      closed = until
      if (closed < connections.length) await clock.sleep(PAUSE_MS, signal)
    }
    // A handshake may have completed in the meantime.
    for (const connection of this.#open) connection.end('shutdown')
  }
}
