import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** Delays between failed attempts, usually a `Backoff`. */
export interface RetryDelays {
  /** The delay before the next attempt, in milliseconds. */
  next(): number
  /** Call it after a success. */
  reset(): void
}

/** Delays between attempts: doubling from `firstMs` up to `maxMs`. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Exponential back-off with jitter over the upper half of each delay, so that a thousand readers that lost the same
 * primary do not reconnect in the same millisecond. `random` returns numbers in [0, 1).
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: () => number
  #nextMs: number

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options
    this.#random = random
    this.#nextMs = options.firstMs
  }

  /** The delay before the next attempt, in milliseconds. Each call doubles the following one. */
  next(): number {
    const ceilingMs = this.#nextMs
    this.#nextMs = Math.min(ceilingMs * 2, this.#options.maxMs)
    return ceilingMs / 2 + (this.#random() * ceilingMs) / 2
  }

  /** Call it after a success: restarts at `firstMs`. */
  reset(): void {
    this.#nextMs = this.#options.firstMs
  }
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
