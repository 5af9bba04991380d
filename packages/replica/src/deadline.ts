import type { Clock, MonotonicMs } from '@freshet/kit'
import { ReplicaError } from './errors.ts'

/** A promise with its resolve function (`Promise.withResolvers` needs Node 22). */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Never read. Without a reason, `abort` creates an exception with a stack, which costs every miss. */
export const TIMER_ENDED = 'the wait is over'

/** What ends a wait early. */
type EndReason = 'timeout' | 'cancelled' | 'stopped'

/**
 * Notifies many short-lived listeners of the stop. An `AbortSignal` would warn at the eleventh listener and search its
 * list at every removal, and ten thousand reads may wait at the same time.
 */
export class StopSignal {
  readonly #listeners = new Set<() => void>()
  #ended = false

  get ended(): boolean {
    return this.#ended
  }

  /** Returns a function that removes the listener. A listener added after the stop is not called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(): void {
    this.#ended = true
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}

/**
 * The deadline of one call, shared by all its waits: they end on timeout, when the signal aborts or when the replica
 * stops. Dispose it to clear its timer. At most one timer runs, and none before the first wait.
 */
export class Deadline implements Disposable {
  readonly #clock: Clock
  readonly #endsAt: MonotonicMs
  readonly #end = deferred<EndReason>()
  readonly #detach: () => void
  #limitAt: MonotonicMs
  #timer: AbortController | undefined

  constructor(clock: Clock, waitMs: number, stopSignal: StopSignal, signal: AbortSignal | undefined) {
    this.#clock = clock
    this.#endsAt = this.#limitAt = clock.now() + waitMs
    const onStop = (): void => this.#end.resolve('stopped')
    const onAbort = (): void => this.#end.resolve('cancelled')
    const unlisten = stopSignal.listen(onStop)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#detach = () => {
      unlisten()
      signal?.removeEventListener('abort', onAbort)
    }
    if (stopSignal.ended) onStop()
    else if (signal?.aborted) onAbort()
  }

  /** Limits the following waits to `ms` from now, or to the rest of the call if that is shorter. */
  limit(ms: number): void {
    this.#timer?.abort(TIMER_ENDED)
    this.#timer = undefined
    this.#limitAt = Math.min(this.#endsAt, this.#clock.now() + ms)
  }

  /** Resolves or rejects as `promise` does. @throws {ReplicaError} `onTimeout()` on timeout; CANCELLED; STOPPED */
  async race<T>(promise: Promise<T>, onTimeout: () => ReplicaError): Promise<T> {
    this.#startTimer()
    const first = await Promise.race([promise.then((value) => ({ value })), this.#end.promise])
    if (typeof first === 'object') return first.value
    if (first === 'timeout') throw onTimeout()
    if (first === 'cancelled') throw new ReplicaError('CANCELLED', 'the signal of the call aborted')
    throw new ReplicaError('STOPPED', 'the replica was closed during the call')
  }

  [Symbol.dispose](): void {
    this.#detach()
    this.#timer?.abort(TIMER_ENDED)
  }

  async #endOnTimeout(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#limitAt - this.#clock.now(), signal)
    if (!signal.aborted) this.#end.resolve('timeout')
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return
    const timer = (this.#timer = new AbortController())
    void this.#endOnTimeout(timer.signal)
  }
}
