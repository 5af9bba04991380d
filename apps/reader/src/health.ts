import type { Clock } from '@freshet/kit'
import type { Replica, ReplicaStatus } from '@freshet/replica'
import type { Health } from '@freshet/service'
import type { GuardWord } from './backend/contract.ts'

/** A reader's part of `/statusz`. */
export interface ReaderStatus extends ReplicaStatus {
  /** How far the date of the position is behind this machine's date; `undefined` before a position is known. */
  readonly lagSeconds: number | undefined
  readonly guard: GuardWord & {
    /** Requests with a method that does not read, since the start. */
    readonly refusedMethods: number
  }
}

/** What the management port tells about a reader. */
export interface ReaderHealthParts {
  readonly replica: Pick<Replica<unknown>, 'status'>
  readonly clock: Clock
  /** Without a proof for longer than this the reader wants no requests; `undefined`: it always answers what it holds. */
  readonly unreadyAfterMs: number | undefined
  /** What stands between this process and a write. */
  readonly guard: () => ReaderStatus['guard']
}

/**
 * Whether a reader may get requests. Staleness alone does not make it unready unless an operator wants that: when the
 * database is away, readers that all leave at once are worse than readers that say how old their answers are.
 */
export class ReaderHealth implements Health<ReaderStatus> {
  readonly #parts: ReaderHealthParts

  constructor(parts: ReaderHealthParts) {
    this.#parts = parts
  }

  /** The source has named itself and a position: the feed is open. */
  started(): boolean {
    return this.#parts.replica.status().source !== undefined
  }

  unready(): string | undefined {
    // Such a reader would not start, and what it holds only gets older.
    const { fault } = this.#parts.guard()
    if (fault !== undefined) return `guard: ${fault}`
    const { state, ageMs } = this.#parts.replica.status()
    const { unreadyAfterMs } = this.#parts
    if (state.kind === 'lost') return `lost: ${state.reason}`
    if (state.kind !== 'live' && state.kind !== 'lagging') return state.kind
    if (unreadyAfterMs === undefined || (ageMs ?? Infinity) <= unreadyAfterMs) return undefined
    return `stale: not proved current for more than ${unreadyAfterMs} ms`
  }

  status(): ReaderStatus {
    const { replica, guard } = this.#parts
    const status = replica.status()
    const ageMs = status.ageMs === undefined ? undefined : Math.round(status.ageMs)
    return { ...status, ageMs, lagSeconds: this.#lagSeconds(status), guard: guard() }
  }

  /** How far the date of the position is behind this machine's date; without writes it grows to some ten seconds. */
  #lagSeconds({ wallTimeMs }: ReplicaStatus): number | undefined {
    if (wallTimeMs === undefined) return undefined
    return Math.max(0, Math.floor((this.#parts.clock.wallMs() - wallTimeMs) / 1_000))
  }
}
