import type { ByteLease, Clock, MonotonicMs } from '@freshet/kit'
import { headers as names, ProblemError, type Id, type ProblemCode } from '@freshet/protocol'
import {
  ReplicaError,
  type Answer,
  type ReadOptions,
  type Replica,
  type ReplicaErrorCode,
} from '@freshet/replica'
import { ClientGone, type ResponseBudget } from '@freshet/service'
import type { ServerResponse } from 'node:http'
import type { MinFreshness } from './freshness.ts'

/** How often an answer that grew while it waited for memory may wait again. */
const MAX_ATTEMPTS = 3

/** An answer, and what was proved when its request arrived. */
export interface Read<V> {
  readonly answer: Answer<V>
  readonly provedAtArrival: MonotonicMs
}

export interface WaitingReadsParts<V> {
  readonly replica: Replica<V>
  readonly room: ResponseBudget
  readonly clock: Clock
  /** The longest wait for documents to be fetched, and for memory for a response. */
  readonly fillWaitMs: number
}

/**
 * Reads that may wait: for a position, for documents that are not cached, for memory. The wait ends when the client
 * disconnects or the process drains.
 */
export class WaitingReads<V> {
  readonly #parts: WaitingReadsParts<V>
  readonly #waiting = new Set<AbortController>()
  #draining = false

  constructor(parts: WaitingReadsParts<V>) {
    this.#parts = parts
  }

  /** Ends all waits, and future ones: 503 `not-ready` sends clients to another reader. */
  drain(): void {
    this.#draining = true
    for (const waiting of this.#waiting) waiting.abort()
  }

  /**
   * Reads all ids at one position, at or after the required one. @throws {ProblemError} see `replicaProblem`. @throws
   * {ClientGone}
   */
  async read(
    collection: string,
    ids: readonly Id[],
    required: MinFreshness | undefined,
    response: ServerResponse,
  ): Promise<Read<V>> {
    const { replica, fillWaitMs } = this.#parts
    const provedAtArrival = replica.provedAt
    return await this.withCancellation(response, async (signal) => {
      // Separate limits: a client that does not wait for a position may still wait for a document.
      const options: ReadOptions = required
        ? {
            atLeast: required.atLeast,
            positionWaitMs: required.waitMs,
            waitMs: required.waitMs + fillWaitMs,
            signal,
          }
        : { waitMs: fillWaitMs, signal }
      return { answer: await replica.many(collection, ids, options), provedAtArrival }
    })
  }

  /**
   * Reads and sends. `attempt` returns the bytes it lacks memory for, or 0 when it has sent. It then releases its
   * answer and is retried with a lease, so that waiting requests hold no answers. @throws {ProblemError} overloaded
   */
  async send(
    response: ServerResponse,
    attempt: (lease: ByteLease | undefined) => Promise<number>,
  ): Promise<void> {
    let missing = await attempt(undefined)
    for (let tries = 1; missing > 0; tries += 1) {
      if (tries > MAX_ATTEMPTS)
        throw new ProblemError('overloaded', {
          detail: 'The answer kept growing while it waited for memory.',
        })
      const lease = await this.#acquire(missing, response)
      missing = await attempt(lease)
      if (missing > 0) lease[Symbol.dispose]()
    }
  }

  /** Waits for response memory. @throws {ProblemError} overloaded, not-ready. @throws {ClientGone} */
  async #acquire(bytes: number, response: ServerResponse): Promise<ByteLease> {
    const { room, clock, fillWaitMs } = this.#parts
    return await this.withCancellation(response, async (signal) => {
      const late = new AbortController()
      const timer = AbortSignal.any([signal, late.signal])
      void clock.sleep(fillWaitMs, timer).then(() => late.abort())
      const lease = await room.acquire(response, bytes, timer)
      late.abort()
      if (lease !== undefined) return lease
      if (signal.aborted) throw new ClientGone('The client disconnected while it waited.')
      throw new ProblemError('overloaded', { detail: 'Slow clients hold too much response memory.' })
    })
  }

  /** Runs `work` until the client disconnects or the process drains. @throws {ProblemError} see `replicaProblem`. @throws {ClientGone} */
  async withCancellation<T>(response: ServerResponse, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const waiting = new AbortController()
    const giveUp = (): void => waiting.abort()
    if (this.#draining) giveUp()
    response.once('close', giveUp)
    this.#waiting.add(waiting)
    try {
      return await work(waiting.signal)
    } catch (error) {
      if (this.#draining && !response.closed) throw new ProblemError('not-ready', { cause: error })
      throw replicaProblem(error, this.#parts.replica)
    } finally {
      this.#waiting.delete(waiting)
      response.off('close', giveUp)
    }
  }
}

/** Codes with a problem. BAD_OPTION is thrown only by `openReplica`, which readers do not call. */
export type AnsweredCode = Exclude<ReplicaErrorCode, 'CANCELLED' | 'BAD_OPTION'>

const problemOf = {
  BEHIND: 'reader-behind',
  BAD_POSITION: 'bad-position',
  WRONG_SOURCE: 'bad-position',
  SOURCE_UNKNOWN: 'source-unknown',
  SOURCE_REFUSED: 'source-refused',
  UNKNOWN_COLLECTION: 'unknown-collection',
  COLLECTION_NOT_EXACT: 'collection-not-exact',
  BAD_ID: 'bad-id',
  UNAVAILABLE: 'unavailable',
  ANSWER_TOO_LARGE: 'answer-too-large',
  TOO_MANY_WAITERS: 'overloaded',
  STOPPED: 'not-ready',
} as const satisfies Record<AnsweredCode, ProblemCode>

const details: Partial<Record<ReplicaErrorCode, string>> = {
  WRONG_SOURCE: 'The position belongs to a different source than the one this reader follows.',
  SOURCE_REFUSED:
    'A setting or a right is missing in the database, in its log, or for this reader. The log of the reader has the reason.',
  UNAVAILABLE: 'The answer is not cached, and the database did not answer in time.',
}

/** Of UNAVAILABLE, before the first proof or after lost history. */
const LOADING = 'The reader has not read its log, or reached its database, yet.'

/**
 * Converts a replica error into a problem; returns other errors unchanged. A client that has to wait is sent the current
 * position.
 */
function replicaProblem(
  error: unknown,
  { positionText: position, state }: Pick<Replica<unknown>, 'positionText' | 'state'>,
): unknown {
  if (!(error instanceof ReplicaError)) return error
  const { code } = error
  if (code === 'CANCELLED')
    return new ClientGone('The client disconnected while it waited.', { cause: error })
  if (code === 'BAD_OPTION') return error
  const loading = code === 'UNAVAILABLE' && state.kind !== 'live' && state.kind !== 'lagging'
  const detail = code === 'BAD_ID' ? error.detail : loading ? LOADING : details[code]
  return new ProblemError(problemOf[code], {
    ...(detail !== undefined && { detail }),
    ...(code === 'BEHIND' && position !== undefined && { headers: { [names.position]: position } }),
    cause: error,
  })
}
