import type { Position } from '@freshet/protocol'
import type { DatabaseConnection } from './connection.ts'
import { positionIn, writeErrorOf } from './replies.ts'

/**
 * The position of a write of our own that a majority acknowledged, begun after it was asked for: it is not before
 * anything that a majority had then, whichever server takes it. For what was done when its reply does not tell its time:
 * a server that has no key yet to sign times with tells none, as one does for some seconds after a start.
 */
export class LaterPosition {
  readonly #connection: Pick<DatabaseConnection, 'control'>
  readonly #database: string
  readonly #acknowledgeWithinMs: number
  #next: Promise<Position> | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(
    connection: Pick<DatabaseConnection, 'control'>,
    database: string,
    acknowledgeWithinMs: number,
  ) {
    this.#connection = connection
    this.#database = database
    this.#acknowledgeWithinMs = acknowledgeWithinMs
  }

  /** One write is shared by all that asked before it was sent. Rejects with an error of the driver, or another one. */
  ask(): Promise<Position> {
    this.#next ??= this.#afterRunning()
    return this.#next
  }

  async #afterRunning(): Promise<Position> {
    // Its failure is told to its own callers.
    await this.#running.catch(() => undefined)
    this.#next = undefined
    const write = this.#write()
    this.#running = write
    return await write
  }

  async #write(): Promise<Position> {
    const reply = await this.#connection.control.db(this.#database).command({
      update: 'freshet',
      updates: [{ q: { _id: 'heartbeat' }, u: { $currentDate: { at: true } } }],
      writeConcern: { w: 'majority', j: true, wtimeout: this.#acknowledgeWithinMs },
    })
    // One that finds nothing, as where the heartbeat is gone, has the time of the newest thing that the server had.
    const at = writeErrorOf(reply) === undefined ? positionIn(reply) : undefined
    if (at === undefined) throw new Error('expected a time in the reply to a write, got none')
    return at
  }
}
