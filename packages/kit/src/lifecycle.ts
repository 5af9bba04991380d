import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** Something that runs while the program runs. */
export interface Part {
  /** For the log. */
  readonly name: string
  /** Settles when the parts behind it may start. A rejection stops the whole start. */
  start(): void | Promise<void>
  /** Settles when it has really ended; called once, only after `start` was called. */
  stop(): void | Promise<void>
}

/** What a lifecycle is made of. */
export interface LifecycleOptions {
  readonly log: Log
  readonly clock: Clock
  /** The time that each part gets to stop; one that needs more is reported and left behind. */
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
   * Starts them one after the other; may be called again with more. When `stop` is called meanwhile it returns as soon
   * as all is stopped, even if the part that is starting never gets there; nothing starts after that.
   * @throws what a part's `start` throws, after the parts before it and that part itself were stopped.
   */
  async start(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      if (this.#stopping) return await this.#stopping
      // It is stopped too when its start fails: it may have opened half of what it needs.
      this.#started.push(part)
      try {
        await Promise.race([part.start(), this.#untilStopRequested()])
      } catch (error) {
        await this.stop()
        throw error
      }
    }
  }

  /** Stops what was started, the last first. Never rejects: what fails is logged. Twice is once. */
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
