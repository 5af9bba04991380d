import type { Clock } from './clock.ts'

/** Delays between failed attempts, usually a `Backoff`. */
export interface RetryDelays {
  /** The delay before the next attempt, in milliseconds. */
  next(): number
  /** Call it after a success. */
  reset(): void
}

/** Options of a loop. */
export interface RunLoopOptions {
  /** One attempt: open, work, always close. The next one starts as soon as it returns. */
  readonly attempt: (signal: AbortSignal) => Promise<void>
  /** Called for each failed attempt, to report it and to decide whether to retry. */
  readonly onFailure: (error: unknown) => 'retry' | 'give-up'
  readonly clock: Clock
  readonly backoff: RetryDelays
}

/**
 * Runs attempts one after the other until it is stopped or `onFailure` gives up. Errors after `stop` are caused by the
 * stop and are not reported.
 */
export class RunLoop implements AsyncDisposable {
  readonly #options: RunLoopOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: RunLoopOptions) {
    this.#options = options
  }

  /** Starts the loop. Has no effect on a started or stopped loop. */
  start(): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run(this.#stopping.signal)
  }

  /** Resolves when the current attempt has ended. Idempotent. */
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
