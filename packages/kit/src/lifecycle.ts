import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** A component that runs as long as the program. */
export interface Part {
  /** For the log. */
  readonly name: string
  /** Resolves when the next part may start. A rejection aborts the start. */
  start(): void | Promise<void>
  /** Resolves when the part has fully stopped. Called once, and only after `start`. */
  stop(): void | Promise<void>
}

/** Options of a lifecycle. */
export interface LifecycleOptions {
  readonly log: Log
  readonly clock: Clock
  /** The time each part has to stop. A part that exceeds it is logged and abandoned. */
  readonly stopWithinMs: number
}

/** Starts parts in order and stops them in reverse. */
export class Lifecycle implements AsyncDisposable {
  readonly #options: LifecycleOptions
  readonly #started: Part[] = []
  readonly #stopRequested = new AbortController()
  #stopping: Promise<void> | undefined

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  /**
   * Starts the parts one after the other. May be called again with more parts. If `stop` is called in the meantime, it
   * returns as soon as everything is stopped, even if the current part never finishes starting; no further part starts.
   * @throws what a part's `start` throws, after stopping that part and all previous ones.
   */
  async start(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      if (this.#stopping) return await this.#stopping
      // A part whose start fails is stopped too: it may have opened some of its resources.
      this.#started.push(part)
      try {
        await Promise.race([part.start(), this.#untilStopRequested()])
      } catch (error) {
        await this.stop()
        throw error
      }
    }
  }

  /** Stops all started parts in reverse order. Never rejects: failures are logged. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    this.#stopRequested.abort()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #untilStopRequested(): Promise<void> {
    const { signal } = this.#stopRequested
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }

  async #stopAll(): Promise<void> {
    const { log } = this.#options
    for (let part = this.#started.pop(); part; part = this.#started.pop()) {
      try {
        await this.#stopOne(part)
        log.debug({ part: part.name }, 'stopped')
      } catch (err) {
        log.error({ part: part.name, err }, 'stop failed')
      }
    }
  }

  async #stopOne(part: Part): Promise<void> {
    const { clock, stopWithinMs } = this.#options
    const done = new AbortController()
    const late = async (): Promise<void> => {
      await clock.sleep(stopWithinMs, done.signal)
      if (!done.signal.aborted) throw new Error(`not stopped within ${stopWithinMs} ms`)
    }
    try {
      await Promise.race([Promise.resolve(part.stop()), late()])
    } finally {
      done.abort()
    }
  }
}
