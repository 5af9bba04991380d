import type { Clock, MonotonicMs } from '@freshet/kit'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'

/** What ends a wait before it has what it waits for. */
type EndReason = 'late' | 'cancelled' | 'stopped'

/**
 * Tells many short-lived listeners of one end. An `AbortSignal` would warn at the eleventh and search its list at every
 * removal; ten thousand reads may wait at the same time.
 */
export class StopSignal {
  readonly #listeners = new Set<() => void>()
  #ended = false

  get ended(): boolean {
    return this.#ended
  }

  /** Returns how to stop listening. Not called when the end was before. */
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
 * How long one call waits, all its waits together: until its time is over, its signal aborts or the replica stops.
 * Dispose it, or its timer lives on. At most one timer runs, and none before the first wait.
 */
export class Deadline implements Disposable {
  readonly #clock: Clock
  readonly #endsAt: MonotonicMs
  readonly #end = deferred<EndReason>()
  readonly #detach: () => void
  #limitAt: MonotonicMs
  #timer: AbortController | undefined

  constructor(clock: Clock, waitMs: number, ending: StopSignal, signal: AbortSignal | undefined) {
    this.#clock = clock
    this.#endsAt = this.#limitAt = clock.now() + waitMs
    const onStop = (): void => this.#end.resolve('stopped')
    const onAbort = (): void => this.#end.resolve('cancelled')
    const leave = ending.listen(onStop)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#detach = () => {
      leave()
      signal?.removeEventListener('abort', onAbort)
    }
    if (ending.ended) onStop()
    else if (signal?.aborted) onAbort()
  }

  /** From now on a wait ends after `ms`, and never later than the whole call. `Infinity`: with the whole call. */
  limit(ms: number): void {
    this.#timer?.abort()
    this.#timer = undefined
    this.#limitAt = Math.min(this.#endsAt, this.#clock.now() + ms)
  }

  /** @throws {ReplicaError} `late()` when the time is over, CANCELLED, STOPPED; else what `promise` brings. */
  async race<T>(promise: Promise<T>, late: () => ReplicaError): Promise<T> {
    this.#startTimer()
    const first = await Promise.race([promise.then((value) => ({ value })), this.#end.promise])
    if (typeof first === 'object') return first.value
    if (first === 'late') throw late()
    if (first === 'cancelled') throw new ReplicaError('CANCELLED', 'the signal of the call aborted')
    throw new ReplicaError('STOPPED', 'the replica was closed during the call')
  }

  [Symbol.dispose](): void {
    this.#detach()
    this.#timer?.abort()
  }

  async #endLate(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#limitAt - this.#clock.now(), signal)
    if (!signal.aborted) this.#end.resolve('late')
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return
    const timer = (this.#timer = new AbortController())
    void this.#endLate(timer.signal)
  }
}
