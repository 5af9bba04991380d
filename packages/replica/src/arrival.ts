import type { Clock, MonotonicMs } from '@freshet/kit'
import {
  parsePosition,
  parseSourceId,
  type Position,
  type SourceId,
  type SourcePosition,
} from '@freshet/protocol'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'
import type { Patience } from './patience.ts'
import type { Standpoint } from './standpoint.ts'

export interface ArrivalLimits {
  readonly maxWaiters: number
  readonly maxAheadMs: number
}

/** Waits for positions: bounded in number, and without hope refused at once. */
export class Arrival {
  readonly #standpoint: Standpoint
  readonly #limits: ArrivalLimits
  readonly #clock: Clock
  readonly #wallTimeMs: (position: Position) => number | undefined
  #waiting = 0

  constructor(
    standpoint: Standpoint,
    limits: ArrivalLimits,
    clock: Clock,
    wallTimeMs: (position: Position) => number | undefined,
  ) {
    this.#clock = clock
    this.#wallTimeMs = wallTimeMs
    this.#standpoint = standpoint
    this.#limits = limits
  }

  /**
   * The bare position, once W has reached it. A position of a source that is not followed may be one that this replica has
   * not heard of yet: it is refused for good only when that is known.
   * @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, TOO_MANY_WAITERS, CANCELLED, STOPPED
   */
  async wait(wanted: Position | SourcePosition, patience: Patience): Promise<Position> {
    const asked = this.#clock.now()
    const { source } = this.#standpoint
    const position = positionIn(wanted)
    for (;;) {
      if (typeof wanted !== 'string') await this.#untilFollowed(wanted.source, asked, patience)
      else if (this.#standpoint.source !== source)
        throw new ReplicaError('WRONG_SOURCE', 'the source changed during the wait')
      if (position <= this.#standpoint.at) return position
      await this.#waitOnce(position, patience)
    }
  }

  async #untilFollowed(wanted: SourceId, asked: MonotonicMs, patience: Patience): Promise<void> {
    const standpoint = this.#standpoint
    const words = (): string =>
      `expected a position of source ${standpoint.source ?? '(unknown)'}, got one of ${wanted}`
    while (standpoint.source !== wanted) {
      if (standpoint.isForeign(wanted, asked)) throw new ReplicaError('WRONG_SOURCE', words())
      await this.#inLine(() =>
        patience.race(
          standpoint.advanced,
          () => new ReplicaError('BEHIND', `${words()}, which may be a newer one`),
        ),
      )
    }
  }

  async #waitOnce(position: Position, patience: Patience): Promise<void> {
    const { at } = this.#standpoint
    const behind = (): ReplicaError =>
      new ReplicaError('BEHIND', `expected position ${position}, stand at ${this.#standpoint.at}`)
    if (this.#aheadMs(position, at) > this.#limits.maxAheadMs) throw behind()
    await this.#inLine(async () => {
      const woken = deferred<void>()
      const waiter = this.#standpoint.wait(position, () => woken.resolve())
      try {
        await patience.race(woken.promise, behind)
      } finally {
        this.#standpoint.leave(waiter)
      }
    })
  }

  /** 0 where positions say nothing of time: then only waiting tells. */
  #aheadMs(position: Position, at: Position): number {
    return (this.#wallTimeMs(position) ?? 0) - (this.#wallTimeMs(at) ?? 0)
  }

  async #inLine(wait: () => Promise<void>): Promise<void> {
    if (this.#waiting >= this.#limits.maxWaiters) {
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#waiting} callers wait for positions already`)
    }
    this.#waiting += 1
    try {
      await wait()
    } finally {
      this.#waiting -= 1
    }
  }
}

/** Brands are gone at run time: a text that is no position would be waited for, or be older than all. */
function positionIn(wanted: Position | SourcePosition): Position {
  const position = typeof wanted === 'string' ? wanted : wanted?.at
  const known = typeof wanted === 'string' || parseSourceId(String(wanted?.source)) !== undefined
  const checked = typeof position === 'string' && known ? parsePosition(position) : undefined
  if (checked !== undefined) return checked
  const got = typeof wanted === 'string' ? wanted : `${wanted?.source}.${position}`
  throw new ReplicaError(
    'BAD_POSITION',
    `expected 16 hexadecimal digits in lower case, or { source, at } with 8 and 16, got ${JSON.stringify(got.slice(0, 80))}`,
  )
}
