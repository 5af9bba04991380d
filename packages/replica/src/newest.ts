import type { Position } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import type { Past } from './past.ts'

/**
 * The position of the majority's state, for callers that want nothing older than their own call. One read is shared by
 * all that asked before it was sent; who comes later must not use it.
 */
export class Newest {
  readonly #past: Past
  #next: Promise<Position> | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(past: Past) {
    this.#past = past
  }

  /** @throws {ReplicaError} UNAVAILABLE */
  ask(): Promise<Position> {
    this.#next ??= this.#afterRunning()
    return this.#next
  }

  async #afterRunning(): Promise<Position> {
    // One at a time: under load many callers share the next one. Its failure is told to its own callers.
    await this.#running.catch(() => undefined)
    this.#next = undefined
    const read = this.#past.now()
    this.#running = read
    try {
      return await read
    } catch (error) {
      throw new ReplicaError('UNAVAILABLE', 'the source could not be asked for its newest position', {
        cause: error,
      })
    }
  }
}
