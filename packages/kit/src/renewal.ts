import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { RetryDelays } from './run-loop.ts'

/** Options of a renewal. */
export interface RenewalOptions<T> {
  /** The name of the resource in the log. */
  readonly name: string
  /** Creates a resource that is ready to use. Must release everything if it rejects. */
  readonly create: (signal: AbortSignal) => Promise<T>
  /** Releases a resource that is no longer used. A rejection is logged. */
  readonly dispose: (one: T) => Promise<void>
  readonly clock: Clock
  /** Delays between failed attempts. The first attempt starts immediately. */
  readonly backoff: RetryDelays
  readonly log: Log
}

/** The state of a renewal. `failure` is the error of the last attempt. */
export type RenewalState<T> =
  | { readonly kind: 'current'; readonly one: T }
  | { readonly kind: 'renewing'; readonly attempts: number; readonly failure: unknown }
  | { readonly kind: 'closed' }

/**
 * Holds a resource that can break permanently, such as a client that has lost its last server. Recreates it on request,
 * retrying with back-off until it succeeds.
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

  /** `undefined` while it is being recreated and after `close`. */
  get current(): T | undefined {
    return this.#state.kind === 'current' ? this.#state.one : undefined
  }

  /** The number of replacements so far. */
  get renewals(): number {
    return this.#renewals
  }

  /** Replaces `broken`; `why` is logged. Has no effect if `broken` is not the current resource. */
  renew(broken: T, why: string): void {
    if (this.current !== broken) return
    const { name, log } = this.#options
    log.warn({ name, why }, `${name}: recreating`)
    this.#state = { kind: 'renewing', attempts: 0, failure: undefined }
    this.#running = this.#run(broken)
  }

  /** Releases the current resource or stops recreating it. Resolves when everything is released. Idempotent. */
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

  async #run(broken: T): Promise<void> {
    const { clock, backoff } = this.#options
    const { signal } = this.#closing
    await this.#end(broken)
    for (let attempts = 1; !signal.aborted; attempts += 1) {
      const failed = await this.#attempt(signal)
      if (failed === undefined || signal.aborted) return
      this.#state = { kind: 'renewing', attempts, failure: failed.error }
      await clock.sleep(backoff.next(), signal)
    }
  }

  /** The error, wrapped; `undefined` on success. */
  async #attempt(signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    const { name, create, backoff, log } = this.#options
    try {
      const one = await create(signal)
      if (signal.aborted) await this.#end(one)
      else {
        backoff.reset()
        this.#renewals += 1
        this.#state = { kind: 'current', one }
        log.info({ name, renewals: this.#renewals }, `${name}: recreated`)
      }
      return undefined
    } catch (error) {
      if (!signal.aborted) log.warn({ name, err: error }, `${name}: could not be recreated, retrying`)
      return { error }
    }
  }

  async #end(one: T): Promise<void> {
    const { name, dispose, log } = this.#options
    try {
      await dispose(one)
    } catch (err) {
      log.warn({ name, err }, `${name}: the old one could not be closed`)
    }
  }
}
