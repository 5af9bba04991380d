import {
  Backoff,
  type BackoffOptions,
  type Clock,
  type MonotonicMs,
  type RetryDelays,
  RunLoop,
} from '@freshet/kit'
import type { Batch, ChangeSource, Origin } from './contract.ts'
import { ChangeStreamError } from './errors.ts'

/** The consumer of a follower. Each call is synchronous: the follower does nothing until it returns. */
export interface Sink {
  /** A new epoch begins: nothing delivered before is comparable. */
  begin(origin: Origin): void
  apply(batch: Batch): void
  /** The feed broke; the follower retries by itself. */
  broken(error: Error): void
}

export interface FollowerParts {
  readonly source: ChangeSource
  readonly sink: Sink
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly pace?: PaceOptions
}

/** A second loss within this time suggests a loop, so it is delayed. */
const immediateAgainAfterMs = 1_000

/**
 * Drives a source: starts it, reads, resumes after a break, and begins a new epoch when the history is lost. Never
 * gives up. Attempts start at most once a second, except for the first one after a break.
 */
export class Follower implements AsyncDisposable {
  readonly #source: ChangeSource
  readonly #sink: Sink
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #loop: RunLoop
  #origin: Origin | undefined
  #startedAt: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(parts: FollowerParts) {
    this.#source = parts.source
    this.#sink = parts.sink
    this.#clock = parts.clock
    this.#pace = new Pace(parts.pace ?? defaultPace, parts.clock, parts.random)
    this.#loop = new RunLoop({
      attempt: (signal) => this.#attempt(signal),
      onFailure: () => 'retry',
      clock: parts.clock,
      backoff: this.#pace,
    })
  }

  start(): void {
    this.#loop.start()
  }

  /** Resolves when the sink will not be called any more. */
  async stop(): Promise<void> {
    await this.#loop.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Follows until it breaks. Replaces a lost history at once, unless that has just happened. */
  async #attempt(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#pace.begin()
      try {
        return await this.#follow(signal)
      } catch (cause) {
        if (signal.aborted) return
        const error = asError(cause)
        const lost = error instanceof ChangeStreamError && error.lost
        const again = lost && this.#origin !== undefined && this.#mayStartAgain()
        if (lost) this.#origin = undefined
        this.#sink.broken(error)
        if (!again) throw error
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let origin = this.#origin ?? (await this.#begin(signal))
    for await (const batch of this.#source.read(origin, signal)) {
      if (signal.aborted) return
      this.#sink.apply(batch)
      origin = { source: origin.source, at: batch.through }
      this.#origin = origin
      this.#pace.reset()
    }
    if (!signal.aborted) throw new ChangeStreamError('ENDED', 'the source ended the feed by itself')
  }

  async #begin(signal: AbortSignal): Promise<Origin> {
    this.#startedAt = this.#clock.now()
    const origin = await this.#source.start(signal)
    // The source may reply after the stop.
    if (!signal.aborted) this.#sink.begin(origin)
    this.#origin = origin
    return origin
  }

  #mayStartAgain(): boolean {
    return this.#clock.now() - this.#startedAt >= immediateAgainAfterMs
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(`expected an Error to be thrown, got ${String(cause)}`)
}

/** How fast a broken feed is reopened. */
export interface PaceOptions extends BackoffOptions {
  /**
   * Random delay of the first attempt after a break, so that a thousand readers do not reconnect in the same
   * millisecond.
   */
  readonly spreadMs: number
}

/**
 * At least one second between the starts of attempts, doubling while they fail. A feed that ran for long is reopened at
 * once, and one that breaks immediately does not loop.
 */
export const defaultPace: PaceOptions = Object.freeze({ firstMs: 2_000, maxMs: 8_000, spreadMs: 250 })

/** Pauses between attempts, measured from the start of the previous one. */
export class Pace implements RetryDelays {
  readonly #backoff: Backoff
  readonly #clock: Clock
  readonly #random: () => number
  readonly #spreadMs: number
  #begunAt: MonotonicMs = Number.NEGATIVE_INFINITY

  constructor(options: PaceOptions, clock: Clock, random: () => number) {
    this.#backoff = new Backoff(options, random)
    this.#clock = clock
    this.#random = random
    this.#spreadMs = options.spreadMs
  }

  /** Records the start of an attempt. */
  begin(): void {
    this.#begunAt = this.#clock.now()
  }

  next(): number {
    const elapsedMs = this.#clock.now() - this.#begunAt
    return Math.max(this.#backoff.next() - elapsedMs, this.#random() * this.#spreadMs)
  }

  reset(): void {
    this.#backoff.reset()
  }
}
