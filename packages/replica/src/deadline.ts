import type { Clock } from '@freshet/kit'
import { deferred } from './deferred.ts'
import type { Ending } from './ending.ts'
import { ReplicaError } from './errors.ts'

/** What ends a wait before it has what it waits for. */
type End = 'late' | 'cancelled' | 'stopped'

/**
 * How long one caller waits: until its time is over, its signal aborts or the replica stops. Dispose it, or its timer
 * lives on. One timer a caller, and none for hits.
 */
export class Deadline implements Disposable {
  readonly #end = deferred<End>()
  readonly #timer = new AbortController()
  readonly #detach: () => void
  #ended: End | undefined

  constructor(clock: Clock, waitMs: number, ending: Ending, signal: AbortSignal | undefined) {
    const onStop = (): void => this.#finish('stopped')
    const onAbort = (): void => this.#finish('cancelled')
    const leave = ending.listen(onStop)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#detach = () => {
      leave()
      signal?.removeEventListener('abort', onAbort)
    }
    if (ending.ended) onStop()
    else if (signal?.aborted) onAbort()
    else void clock.sleep(waitMs, this.#timer.signal).then(() => this.#finish('late'))
  }

  /** @throws {ReplicaError} `late()` when the time is over, CANCELLED, STOPPED; else what `promise` brings. */
  async race<T>(promise: Promise<T>, late: () => ReplicaError): Promise<T> {
    const first = await Promise.race([promise.then((value) => ({ value })), this.#end.promise])
    if (typeof first === 'object') return first.value
    if (first === 'late') throw late()
    if (first === 'cancelled') throw new ReplicaError('CANCELLED', 'the signal of the call aborted')
    throw new ReplicaError('STOPPED', 'the replica was closed during the call')
  }

  [Symbol.dispose](): void {
    this.#detach()
    this.#timer.abort()
  }

  #finish(end: End): void {
    if (this.#ended !== undefined) return
    this.#ended = end
    this.#end.resolve(end)
  }
}
