import type { MonotonicMs } from '@freshet/kit'
import { compareTimes, type ClusterTime } from './cluster-time.ts'

/** What one reply may prove. */
export interface Evidence {
  /** When the command was sent. */
  readonly sentAt: MonotonicMs
  /** The node's latest operation when it replied. Without it, only an empty reply is a proof. */
  readonly operationTime: ClusterTime | undefined
  /** No events: the node had nothing newer when the command arrived. */
  readonly empty: boolean
  /** At least one event was new. */
  readonly fresh: boolean
}

const never = Number.NEGATIVE_INFINITY

/** Replies that may still become proofs. Any beyond this are dropped, which can only overstate the age. */
const maxPending = 64

/**
 * Tracks since when the state is known to be current. A full reply proves nothing by itself, since a backlog arrives in
 * full replies too. It proves freshness once everything is applied that the node knew when it replied.
 */
export class FreshnessProof {
  readonly #pending: { readonly sentAt: MonotonicMs; readonly operationTime: ClusterTime }[] = []
  #provedAt: MonotonicMs = never
  #aliveAt: MonotonicMs = never

  get provedAt(): MonotonicMs {
    return this.#provedAt
  }

  /**
   * A new change was acknowledged by a majority after the previous proof, so that proof did not come from a partitioned
   * primary.
   */
  get aliveAt(): MonotonicMs {
    return this.#aliveAt
  }

  /** Call after the reply is assembled; `through` is the position reached. */
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
