import { highOf, type Position, type SourcePosition } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import type { Patience } from './patience.ts'
import type { Standpoint } from './standpoint.ts'

export interface ArrivalLimits {
  readonly maxWaiters: number
  readonly maxAheadSeconds: number
}

/** Waits for positions: bounded in number, and without hope refused at once. */
export class Arrival {
  readonly #standpoint: Standpoint
  readonly #limits: ArrivalLimits
  #waiting = 0

  constructor(standpoint: Standpoint, limits: ArrivalLimits) {
    this.#standpoint = standpoint
    this.#limits = limits
  }

  /** The bare position. @throws {ReplicaError} WRONG_SOURCE */
  positionIn(wanted: Position | SourcePosition): Position {
    if (typeof wanted === 'string') return wanted
    const { source } = this.#standpoint
    if (wanted.source === source) return wanted.at
    throw new ReplicaError(
      'WRONG_SOURCE',
      `expected a position of source ${source ?? '(unknown)'}, got one of ${wanted.source}`,
    )
  }

  /** @throws {ReplicaError} BEHIND, WRONG_SOURCE, TOO_MANY_WAITERS, CANCELLED, STOPPED */
  async wait(wanted: Position | SourcePosition, patience: Patience): Promise<void> {
    const { source } = this.#standpoint
    for (;;) {
      const position = this.positionIn(wanted)
      if (this.#standpoint.source !== source) {
        throw new ReplicaError('WRONG_SOURCE', 'the source changed during the wait')
      }
      if (position <= this.#standpoint.at) return
      await this.#waitOnce(position, patience)
    }
  }

  async #waitOnce(position: Position, patience: Patience): Promise<void> {
    const { at } = this.#standpoint
    const behind = (): ReplicaError =>
      new ReplicaError('BEHIND', `expected position ${position}, stand at ${this.#standpoint.at}`)
    if (highOf(position) - highOf(at) > this.#limits.maxAheadSeconds) throw behind()
    if (this.#waiting >= this.#limits.maxWaiters) {
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#waiting} callers wait for positions already`)
    }
    let wake: () => void = () => undefined
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const waiter = this.#standpoint.wait(position, wake)
    this.#waiting += 1
    try {
      await patience.race(woken, behind)
    } finally {
      this.#waiting -= 1
      this.#standpoint.leave(waiter)
    }
  }
}
