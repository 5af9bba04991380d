import type { ChangeHandler, HandlerRuns } from '@freshet/handlers'
import type { Clock, Log } from '@freshet/kit'
import type { Notification } from '@freshet/replica'

export interface HandlingParts {
  readonly handler: ChangeHandler
  readonly runs: HandlerRuns
  /** Notifications of its collections only. */
  readonly listen: (signal: AbortSignal) => AsyncIterable<Notification<unknown>>
  readonly clock: Clock
  readonly log: Log
}

/** How long to wait for a handler after its signal has aborted. */
const STOP_WITHIN_MS = 5_000

/** Calls one handler with the changes of its collections, one at a time, until it is closed. */
export class Handling implements AsyncDisposable {
  readonly #parts: HandlingParts
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>

  /** Starts listening. */
  constructor(parts: HandlingParts) {
    this.#parts = parts
    const { signal } = this.#stopping
    this.#done = this.#run(parts.listen(signal), signal)
  }

  /** Resolves when the handler has actually stopped. */
  get ended(): Promise<void> {
    return this.#done
  }

  /** Resolves when the handler has stopped, did not stop in time, or is itself the caller. Idempotent. */
  async close(): Promise<void> {
    this.#stopping.abort()
    const { clock, log, handler, runs } = this.#parts
    // It would wait for itself.
    if (runs.within) return
    const waiting = new AbortController()
    const late = clock.sleep(STOP_WITHIN_MS, waiting.signal).then(() => 'late' as const)
    const first = await Promise.race([this.#done, late])
    waiting.abort()
    if (first === 'late')
      log.warn(
        { handler: handler.name },
        `the handler did not stop within ${STOP_WITHIN_MS} ms of its signal's abort`,
      )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(notifications: AsyncIterable<Notification<unknown>>, signal: AbortSignal): Promise<void> {
    const { runs } = this.#parts
    for await (const notification of notifications) {
      if (notification.kind === 'reset') {
        await runs.reset(notification.reason, signal)
        continue
      }
      for (const { collection, id, cause = [] } of notification.changes) {
        if (signal.aborted) return
        await runs.hear({ collection, id, at: notification.at, cause }, signal)
      }
    }
  }
}
