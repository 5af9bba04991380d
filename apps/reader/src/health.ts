import type { Clock } from '@freshet/kit'
import type { Replica, ReplicaStatus } from '@freshet/replica'
import type { GuardReport, Health } from '@freshet/service'

/** The reader fields of `/statusz`. */
export interface ReaderStatus extends ReplicaStatus {
  /** How far the wall time of the position lags behind this machine; `undefined` until a position is known. */
  readonly lagSeconds: number | undefined
  readonly guard: GuardReport & {
    /** Requests with a method that does not read, since the start. */
    readonly refusedMethods: number
  }
}

export interface ReaderHealthParts {
  readonly replica: Pick<Replica<unknown>, 'status'>
  readonly clock: Clock
  /** Not ready without a proof for this long; `undefined`: staleness is ignored. */
  readonly unreadyAfterMs: number | undefined
  /** The guard status. */
  readonly guard: () => ReaderStatus['guard']
}

/**
 * Readiness of a reader. Staleness alone does not make it unready unless configured: in a database outage, losing all
 * readers at once is worse than answers that state their age.
 */
export class ReaderHealth implements Health<ReaderStatus> {
  readonly #parts: ReaderHealthParts

  constructor(parts: ReaderHealthParts) {
    this.#parts = parts
  }

  /** The feed is open: source and position are known. */
  started(): boolean {
    return this.#parts.replica.status().source !== undefined
  }

  unready(): string | undefined {
    // A reader with this fault would not start, and its cache only gets older.
    const { fault } = this.#parts.guard()
    if (fault !== undefined) return `guard: ${fault}`
    const { state, ageMs, brokenBy } = this.#parts.replica.status()
    const { unreadyAfterMs } = this.#parts
    if (state.kind === 'lost') return `lost: ${brokenBy ?? state.reason}`
    if (state.kind !== 'live' && state.kind !== 'lagging')
      return brokenBy === undefined ? state.kind : `${state.kind}: ${brokenBy}`
    if (unreadyAfterMs === undefined || (ageMs ?? Infinity) <= unreadyAfterMs) return undefined
    return `stale: not proved current for more than ${unreadyAfterMs} ms`
  }

  status(): ReaderStatus {
    const { replica, guard } = this.#parts
    const status = replica.status()
    const ageMs = status.ageMs === undefined ? undefined : Math.round(status.ageMs)
    return { ...status, ageMs, lagSeconds: this.#lagSeconds(status), guard: guard() }
  }

  /** Without writes it grows to about ten seconds. */
  #lagSeconds({ wallTimeMs }: ReplicaStatus): number | undefined {
    if (wallTimeMs === undefined) return undefined
    return Math.max(0, Math.floor((this.#parts.clock.wallMs() - wallTimeMs) / 1_000))
  }
}
