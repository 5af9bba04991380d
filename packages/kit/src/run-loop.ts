import type { Clock } from './clock.ts'

/** How long to wait between failed attempts; `Backoff` is the usual one. */
export interface RetryDelays {
  /** The wait before the next attempt, in milliseconds. */
  next(): number
  /** An attempt succeeded. */
  reset(): void
}

/** What a loop is made of. */
export interface RunLoopOptions {
  /** One attempt: open, work, always close. When it returns, the next one begins at once. */
  readonly attempt: (signal: AbortSignal) => Promise<void>
  /** Called once for each failed attempt, to report it and to say whether another one makes sense. */
  readonly onFailure: (error: unknown) => 'retry' | 'give-up'
  readonly clock: Clock
  readonly backoff: RetryDelays
}

/**
 * Runs attempts one after the other until it is stopped or an error says that there is no point. Errors that come
 * after `stop` was called are the stop itself and are not judged.
 */
export class RunLoop implements AsyncDisposable {
  readonly #options: RunLoopOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: RunLoopOptions) {
    this.#options = options
  }

  /** Begins; a second call, and one after `stop`, does nothing. */
  start(): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run(this.#stopping.signal)
  }

  /** Settles when the running attempt has really ended. Twice is fine. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { attempt, onFailure, clock, backoff } = this.#options
    while (!signal.aborted) {
      try {
        await attempt(signal)
        backoff.reset()
      } catch (error) {
        if (signal.aborted || onFailure(error) === 'give-up') return
        await clock.sleep(backoff.next(), signal)
      }
    }
  }
}
