import type { MonotonicMs } from '@freshet/kit'
import { ProblemError, type Id } from '@freshet/protocol'
import { ReplicaError, type Answer, type ReadOptions, type Replica } from '@freshet/replica'
import type { ServerResponse } from 'node:http'
import { refusalOf } from './refusal.ts'
import type { Wanted } from './wanted.ts'

/** An answer and what was proved when its request came. */
export interface Read<V> {
  readonly answer: Answer<V>
  readonly provedAtArrival: MonotonicMs
}

/**
 * Reads that may wait: for a position, for documents that are not held. They end when their client goes away, and when
 * this process is about to.
 */
export class PatientReads<V> {
  readonly #replica: Replica<V>
  readonly #fillWaitMs: number
  readonly #waiting = new Set<AbortController>()
  #ended = false

  /** `fillWaitMs`: the longest wait for documents that must be fetched. */
  constructor(replica: Replica<V>, fillWaitMs: number) {
    this.#replica = replica
    this.#fillWaitMs = fillWaitMs
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
    const replica = this.#replica
    const provedAtArrival = replica.provedAt
    const waiting = new AbortController()
    const { signal } = waiting
    const giveUp = (): void => waiting.abort()
    if (this.#ended) giveUp()
    response.once('close', giveUp)
    this.#waiting.add(waiting)
    try {
      // Two waits with a limit each: a client that does not wait for a position may still wait for a document.
      const reached = wanted && (await this.#reach(wanted, signal))
      const options: ReadOptions = { waitMs: this.#fillWaitMs, signal, ...(reached && { atLeast: reached }) }
      return { answer: await replica.many(collection, ids, options), provedAtArrival }
    } catch (error) {
      if (this.#ended && !response.closed) throw new ProblemError('not-ready', { cause: error })
      throw refusalOf(error, replica.positionText)
    } finally {
      this.#waiting.delete(waiting)
      response.off('close', giveUp)
    }
  }

  async #reach({ atLeast, waitMs }: Wanted, signal: AbortSignal): Promise<ReadOptions['atLeast']> {
    const replica = this.#replica
    try {
      if (atLeast === 'now') return await replica.now({ waitMs, signal })
      await replica.atLeast(atLeast, { waitMs, signal })
      return atLeast
    } catch (error) {
      // The database did not say what is newest: this reader may be behind it, and tells where it stands.
      if (!(error instanceof ReplicaError) || error.code !== 'UNAVAILABLE') throw error
      if (replica.positionText === undefined) throw error
      throw new ReplicaError('BEHIND', error.message, { cause: error })
    }
  }
}
