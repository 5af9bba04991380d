import type { MonotonicMs } from '@freshet/kit'
import type { Id } from '@freshet/protocol'
import type { Answer, ReadOptions, Replica } from '@freshet/replica'
import type { ServerResponse } from 'node:http'
import { refusalOf } from './refusal.ts'
import type { Wanted } from './wanted.ts'

/** An answer and what was proved when its request came. */
export interface Read<V> {
  readonly answer: Answer<V>
  readonly provedAtArrival: MonotonicMs
}

/** Reads that may wait: for a position, for documents that are not held. They end when their client goes away. */
export class PatientReads<V> {
  readonly #replica: Replica<V>
  readonly #fillWaitMs: number

  /** `fillWaitMs`: the longest wait for documents that must be fetched. */
  constructor(replica: Replica<V>, fillWaitMs: number) {
    this.#replica = replica
    this.#fillWaitMs = fillWaitMs
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
    const gone = new AbortController()
    const { signal } = gone
    const giveUp = (): void => gone.abort()
    response.once('close', giveUp)
    try {
      // Two waits with a limit each: a client that does not wait for a position may still wait for a document.
      const reached = wanted && (await this.#reach(wanted, signal))
      const options: ReadOptions = { waitMs: this.#fillWaitMs, signal, ...(reached && { atLeast: reached }) }
      return { answer: await replica.many(collection, ids, options), provedAtArrival }
    } catch (error) {
      throw refusalOf(error, replica.positionText)
    } finally {
      response.off('close', giveUp)
    }
  }

  async #reach({ atLeast, waitMs }: Wanted, signal: AbortSignal): Promise<ReadOptions['atLeast']> {
    if (atLeast === 'now') return await this.#replica.now({ waitMs, signal })
    await this.#replica.atLeast(atLeast, { waitMs, signal })
    return atLeast
  }
}
