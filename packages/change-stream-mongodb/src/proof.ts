import type { MonotonicMs } from '@freshet/kit'
import { compareTimes, type ClusterTime } from './cluster-time.ts'

/** What one reply may prove. */
export interface Evidence {
  /** When the command was sent. */
  readonly sentAt: MonotonicMs
  /** The newest operation that the node knew when it answered; `undefined`: only an empty reply is a proof. */
  readonly operationTime: ClusterTime | undefined
  /** No events at all: there was nothing newer on the node when the command came. */
  readonly empty: boolean
  /** Events that had not been seen before. */
  readonly fresh: boolean
}

const never = Number.NEGATIVE_INFINITY

/** Replies that may still be proofs; more than these are not remembered, which can only make the age look higher. */
const maxPending = 64

/**
 * Since when the state is proved to be the newest. A full reply proves nothing by itself: a backlog arrives in full
 * replies that each end like a live one. It does once all is applied that the node knew when it answered.
 */
export class Proof {
  readonly #pending: { readonly sentAt: MonotonicMs; readonly operationTime: ClusterTime }[] = []
  #provedAt: MonotonicMs = never
  #aliveAt: MonotonicMs = never

  get provedAt(): MonotonicMs {
    return this.#provedAt
  }

  /**
   * A change that was not there at the last proof, and is now, was acknowledged by a majority in between: so that
   * proof did not come from a primary that was cut off.
   */
  get aliveAt(): MonotonicMs {
    return this.#aliveAt
  }

  /** Takes a reply after all of it was reckoned: `through` is where the state stands. */
  take(evidence: Evidence, through: ClusterTime): void {
    if (evidence.fresh) this.#aliveAt = this.#provedAt
    if (evidence.empty) {
      this.#provedAt = evidence.sentAt
      this.#pending.length = 0
      return
    }
    const { sentAt, operationTime } = evidence
    if (operationTime !== undefined && this.#pending.length < maxPending)
      this.#pending.push({ sentAt, operationTime })
    while (this.#pending[0] && compareTimes(this.#pending[0].operationTime, through) <= 0)
      this.#provedAt = Math.max(this.#provedAt, this.#pending.shift()?.sentAt ?? never)
  }
}
