import { ProblemError } from '@freshet/protocol'

/** The requests of a mounted app that routes are working on, so that `close` can wait for them. */
export class RunningRequests {
  #running = 0
  #closing = false
  #idle: () => void = () => undefined

  /** Returns what `work` does. @throws {ProblemError} not-ready: the app is closing or closed. */
  run(work: () => void | Promise<void>): void | Promise<void> {
    if (this.#closing) throw new ProblemError('not-ready', { detail: 'The app was closed.' })
    this.#running += 1
    let result: void | Promise<void>
    try {
      result = work()
    } catch (error) {
      this.#end()
      throw error
    }
    if (result instanceof Promise) return result.finally(() => this.#end())
    this.#end()
  }

  /** Refuses new requests, and resolves when those in progress have ended. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  #end(): void {
    this.#running -= 1
    if (this.#running === 0) this.#idle()
  }
}
