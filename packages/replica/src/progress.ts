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
import type { Deadline } from './deadline.ts'
import type { Watermark } from './watermark.ts'

export interface ProgressLimits {
  readonly maxWaiters: number
  readonly maxAheadMs: number
}

/** Waits for positions: bounded in number, and without hope refused at once. */
export class ReplicationProgress {
  readonly #watermark: Watermark
  readonly #limits: ProgressLimits
  readonly #clock: Clock
  readonly #wallTimeMs: (position: Position) => number | undefined
  #waiting = 0

  constructor(
    watermark: Watermark,
    limits: ProgressLimits,
    clock: Clock,
    wallTimeMs: (position: Position) => number | undefined,
  ) {
    this.#clock = clock
    this.#wallTimeMs = wallTimeMs
    this.#watermark = watermark
    this.#limits = limits
  }

  /**
   * The bare position, once W has reached it. A position of a source that is not followed may be one that this replica has
   * not heard of yet: it is refused for good only when that is known.
   * @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, TOO_MANY_WAITERS, CANCELLED, STOPPED
   */
  async wait(wanted: Position | SourcePosition, deadline: Deadline): Promise<Position> {
    const asked = this.#clock.now()
    const { source } = this.#watermark
    const position = positionIn(wanted)
    for (;;) {
      if (typeof wanted !== 'string') await this.#untilFollowed(wanted.source, asked, deadline)
      else if (this.#watermark.source !== source)
        throw new ReplicaError('WRONG_SOURCE', 'the source changed during the wait')
      if (position <= this.#watermark.at) return position
      await this.#waitOnce(position, deadline)
    }
  }

  async #untilFollowed(wanted: SourceId, asked: MonotonicMs, deadline: Deadline): Promise<void> {
    const watermark = this.#watermark
    const words = (): string =>
      `expected a position of source ${watermark.source ?? '(unknown)'}, got one of ${wanted}`
    while (watermark.source !== wanted) {
      if (watermark.isForeign(wanted, asked)) throw new ReplicaError('WRONG_SOURCE', words())
      await this.#inLine(() =>
        deadline.race(
          watermark.advanced,
          () => new ReplicaError('BEHIND', `${words()}, which may be a newer one`),
        ),
      )
    }
  }

  async #waitOnce(position: Position, deadline: Deadline): Promise<void> {
    const { at } = this.#watermark
    const behind = (): ReplicaError =>
      new ReplicaError('BEHIND', `expected position ${position}, stand at ${this.#watermark.at}`)
    if (this.#aheadMs(position, at) > this.#limits.maxAheadMs) throw behind()
    await this.#inLine(async () => {
      const woken = deferred<void>()
      const waiter = this.#watermark.wait(position, () => woken.resolve())
      try {
        await deadline.race(woken.promise, behind)
      } finally {
        this.#watermark.leave(waiter)
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
