import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { RetryDelays } from './run-loop.ts'

/** What a renewal is made of. */
export interface RenewalOptions<T> {
  /** For the log: what it is that is made anew. */
  readonly name: string
  /** Makes one that can be used at once. Must leave nothing open when it rejects. */
  readonly create: (signal: AbortSignal) => Promise<T>
  /** Ends one that nobody will be given any more; a rejection is logged. */
  readonly dispose: (one: T) => Promise<void>
  readonly clock: Clock
  /** Between attempts that failed; the first one begins at once. */
  readonly backoff: RetryDelays
  readonly log: Log
}

/** What can be said of it at any time; `failure` is why the last attempt failed. */
export type RenewalState<T> =
  | { readonly kind: 'current'; readonly one: T }
  | { readonly kind: 'renewing'; readonly attempts: number; readonly failure: unknown }
  | { readonly kind: 'closed' }

/**
 * Holds one thing that can become useless for good, such as a client that has lost its last server, and makes it anew
 * when it is told so: as often as it takes, with backoff.
 */
export class Renewal<T extends object> implements AsyncDisposable {
  readonly #options: RenewalOptions<T>
  readonly #closing = new AbortController()
  #state: RenewalState<T>
  #renewals = 0
  #running: Promise<void> = Promise.resolve()

  constructor(first: T, options: RenewalOptions<T>) {
    this.#options = options
    this.#state = { kind: 'current', one: first }
  }

  get state(): RenewalState<T> {
    return this.#state
  }

  /** `undefined` while a new one is being made, and after `close`. */
  get current(): T | undefined {
    return this.#state.kind === 'current' ? this.#state.one : undefined
  }

  /** How often a new one took the place of an old one. */
  get renewals(): number {
    return this.#renewals
  }

  /** `worn` is of no use any more, for the reason that is logged. Does nothing when it is not the current one. */
  renew(broken: T, why: string): void {
    if (this.current !== broken) return
    const { name, log } = this.#options
    log.warn({ name, why }, `${name}: is made anew`)
    this.#state = { kind: 'renewing', attempts: 0, failure: undefined }
    this.#running = this.#run(broken)
  }

  /** Ends what is current, or the making of it; settles when all is ended. Twice is fine. */
  async close(): Promise<void> {
    const last = this.current
    this.#state = { kind: 'closed' }
    this.#closing.abort()
    await this.#running
    if (last !== undefined) await this.#options.dispose(last)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(worn: T): Promise<void> {
    const { clock, backoff } = this.#options
    const { signal } = this.#closing
    await this.#end(worn)
    for (let attempts = 1; !signal.aborted; attempts += 1) {
      const failed = await this.#attempt(signal)
      if (failed === undefined || signal.aborted) return
      this.#state = { kind: 'renewing', attempts, failure: failed.error }
      await clock.sleep(backoff.next(), signal)
    }
  }

  /** What went wrong, in a box; `undefined`: there is a new one. */
  async #attempt(signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    const { name, create, backoff, log } = this.#options
    try {
      const one = await create(signal)
      if (signal.aborted) await this.#end(one)
      else {
        backoff.reset()
        this.#renewals += 1
        this.#state = { kind: 'current', one }
        log.info({ name, renewals: this.#renewals }, `${name}: a new one is in use`)
      }
      return undefined
    } catch (error) {
      if (!signal.aborted) log.warn({ name, err: error }, `${name}: could not be made anew, trying again`)
      return { error }
    }
  }

  async #end(one: T): Promise<void> {
    const { name, dispose, log } = this.#options
    try {
      await dispose(one)
    } catch (err) {
      log.warn({ name, err }, `${name}: the old one could not be ended`)
    }
  }
}
