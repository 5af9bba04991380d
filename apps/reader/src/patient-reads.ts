import type { ByteLease, Clock, MonotonicMs } from '@freshet/kit'
import { ProblemError, type Id } from '@freshet/protocol'
import type { Answer, ReadOptions, Replica } from '@freshet/replica'
import { ClientGone, type ResponseBudget } from '@freshet/service'
import type { ServerResponse } from 'node:http'
import { refusalOf } from './refusal.ts'
import type { Wanted } from './wanted.ts'

/** An answer and what was proved when its request came. */
export interface Read<V> {
  readonly answer: Answer<V>
  readonly provedAtArrival: MonotonicMs
}

export interface PatientReadsParts<V> {
  readonly replica: Replica<V>
  readonly room: ResponseBudget
  readonly clock: Clock
  /** The longest wait for documents that must be fetched, and for room for an answer. */
  readonly fillWaitMs: number
}

/**
 * Reads that may wait: for a position, for documents that are not held, for room. They end when their client goes away, and when
 * this process is about to.
 */
export class PatientReads<V> {
  readonly #parts: PatientReadsParts<V>
  readonly #waiting = new Set<AbortController>()
  #ended = false

  constructor(parts: PatientReadsParts<V>) {
    this.#parts = parts
  }

  /** From now on nothing is waited for: 503 `not-ready` sends the clients to another reader. */
  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting) waiting.abort()
  }

  /**
   * All of one position, which is at or after what is wanted. @throws {ProblemError} see `refusalOf`;
   * @throws {ClientGone}
   */
  async read(
    collection: string,
    ids: readonly Id[],
    wanted: Wanted | undefined,
    response: ServerResponse,
  ): Promise<Read<V>> {
    const { replica, fillWaitMs } = this.#parts
    const provedAtArrival = replica.provedAt
    return await this.#patiently(response, async (signal) => {
      // A limit for each: a client that does not wait for a position may still wait for a document.
      const options: ReadOptions = wanted
        ? {
            atLeast: wanted.atLeast,
            positionWaitMs: wanted.waitMs,
            waitMs: wanted.waitMs + fillWaitMs,
            signal,
          }
        : { waitMs: fillWaitMs, signal }
      return { answer: await replica.many(collection, ids, options), provedAtArrival }
    })
  }

  /** Room for an answer of so many bytes. @throws {ProblemError} overloaded, not-ready. @throws {ClientGone} */
  async room(bytes: number, response: ServerResponse): Promise<ByteLease> {
    const { room, clock, fillWaitMs } = this.#parts
    return await this.#patiently(response, async (signal) => {
      const late = new AbortController()
      const timer = AbortSignal.any([signal, late.signal])
      void clock.sleep(fillWaitMs, timer).then(() => late.abort())
      const lease = await room.acquire(response, bytes, timer)
      late.abort()
      if (lease !== undefined) return lease
      if (signal.aborted) throw new ClientGone('The client went away while it waited.')
      throw new ProblemError('overloaded', { detail: 'Too many answers are on their way to slow clients.' })
    })
  }

  async #patiently<T>(response: ServerResponse, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const waiting = new AbortController()
    const giveUp = (): void => waiting.abort()
    if (this.#ended) giveUp()
    response.once('close', giveUp)
    this.#waiting.add(waiting)
    try {
      return await work(waiting.signal)
    } catch (error) {
      if (this.#ended && !response.closed) throw new ProblemError('not-ready', { cause: error })
      throw refusalOf(error, this.#parts.replica.positionText)
    } finally {
      this.#waiting.delete(waiting)
      response.off('close', giveUp)
    }
  }
}
