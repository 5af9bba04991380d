import { CoalescedCall, type Clock, type MonotonicMs } from '@freshet/kit'
import {
  parsePosition,
  parseSourceId,
  type Position,
  type SourceId,
  type SourcePosition,
} from '@freshet/protocol'
import type { BoundedReads } from './bounded-reads.ts'
import type { ReadOptions } from './contract.ts'
import { type Deadline, deferred } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { ServedCollections } from './served-collections.ts'
import type { Watermark } from './watermark.ts'

export interface ReplicationProgressParts {
  readonly watermark: Watermark
  readonly collections: ServedCollections
  readonly sourceReads: BoundedReads
  readonly clock: Clock
  /** The source's clock at a position; `undefined` if positions do not carry time. */
  readonly wallTimeMs: (position: Position) => number | undefined
  readonly maxWaiters: number
  readonly maxAheadMs: number
}

/** Waits for the replica to reach a state or position. Bounds the number of waiters and fails fast on hopeless waits. */
export class ReplicationProgress {
  readonly #parts: ReplicationProgressParts
  /** The majority's latest position, for callers that need the state at their call. Concurrent callers share one request. */
  readonly #head: CoalescedCall<Position>
  #waiting = 0

  constructor(parts: ReplicationProgressParts) {
    this.#parts = parts
    this.#head = new CoalescedCall(() => parts.sourceReads.head())
  }

  /** @throws {ReplicaError} SOURCE_UNKNOWN, SOURCE_REFUSED, UNAVAILABLE, CANCELLED, STOPPED */
  async untilServing(deadline: Deadline): Promise<void> {
    const { watermark } = this.#parts
    while (!watermark.serving) {
      const { state } = watermark
      if (state.kind === 'lost' && state.reason === 'SOURCE_UNKNOWN') {
        throw new ReplicaError(
          'SOURCE_UNKNOWN',
          'the database has no control document that identifies its history',
        )
      }
      if (watermark.refused) throw new ReplicaError('SOURCE_REFUSED', 'the source cannot be followed')
      const late = (): ReplicaError =>
        new ReplicaError('UNAVAILABLE', `expected a live replica, it is ${watermark.state.kind}`)
      await deadline.race(watermark.stateChanged, late)
    }
  }

  /** Waits until documents of the collection may be served. @throws {ReplicaError} COLLECTION_NOT_EXACT; as `untilServing` */
  async untilReadable(collection: string, deadline: Deadline): Promise<void> {
    const { collections } = this.#parts
    const late = (): ReplicaError =>
      collections.checkRefused
        ? new ReplicaError('SOURCE_REFUSED', `the definition of '${collection}' may not be read`)
        : new ReplicaError('UNAVAILABLE', `'${collection}' is still being checked`)
    for (;;) {
      await this.untilServing(deadline)
      if (collections.mayRead(collection)) return
      await deadline.race(collections.changed, late)
    }
  }

  /**
   * Resolves with the position once W has reached it. A position of another source may be of one this replica has not seen
   * yet, so WRONG_SOURCE is thrown only when that is ruled out.
   * @throws {ReplicaError} BAD_POSITION, BEHIND, WRONG_SOURCE, TOO_MANY_WAITERS, CANCELLED, STOPPED
   */
  async reach(wanted: NonNullable<ReadOptions['atLeast']>, deadline: Deadline): Promise<Position> {
    return wanted === 'now'
      ? await this.#reach(await this.#fetchHead(deadline), deadline)
      : await this.#reach(wanted, deadline)
  }

  async #reach(wanted: Position | SourcePosition, deadline: Deadline): Promise<Position> {
    const { watermark, clock } = this.#parts
    const askedAt = clock.now()
    const { source } = watermark
    const position = checkedPosition(wanted)
    for (;;) {
      if (typeof wanted !== 'string') await this.#untilFollowed(wanted.source, askedAt, deadline)
      else if (watermark.source !== source)
        throw new ReplicaError('WRONG_SOURCE', 'the source changed during the wait')
      if (position <= watermark.at) return position
      await this.#waitOnce(position, deadline)
    }
  }

  /** If the source does not report its latest position, this replica may be behind it. */
  async #fetchHead(deadline: Deadline): Promise<Position> {
    const behind = (cause?: unknown): ReplicaError =>
      new ReplicaError(
        'BEHIND',
        `the source did not report its latest position, the replica is at ${this.#parts.watermark.at}`,
        { cause },
      )
    const answer = this.#head.run().catch((error: unknown) => behind(error))
    const head = await deadline.race(answer, behind)
    if (head instanceof ReplicaError) throw head
    return head
  }

  async #untilFollowed(wanted: SourceId, askedAt: MonotonicMs, deadline: Deadline): Promise<void> {
    const { watermark } = this.#parts
    const detail = (): string =>
      `expected a position of source ${watermark.source ?? '(unknown)'}, got one of ${wanted}`
    const late = (): ReplicaError => new ReplicaError('BEHIND', `${detail()}, which may be a newer one`)
    while (watermark.source !== wanted) {
      if (watermark.isForeign(wanted, askedAt)) throw new ReplicaError('WRONG_SOURCE', detail())
      await this.#countWaiter(() => deadline.race(watermark.advanced, late))
    }
  }

  async #waitOnce(position: Position, deadline: Deadline): Promise<void> {
    const { watermark, maxAheadMs } = this.#parts
    const behind = (): ReplicaError =>
      new ReplicaError('BEHIND', `expected position ${position}, the replica is at ${watermark.at}`)
    if (this.#aheadMs(position) > maxAheadMs) throw behind()
    await this.#countWaiter(async () => {
      const woken = deferred<void>()
      const waiter = watermark.wait(position, () => woken.resolve())
      try {
        await deadline.race(woken.promise, behind)
      } finally {
        watermark.cancel(waiter)
      }
    })
  }

  /** 0 if positions do not carry time: then only waiting can tell. */
  #aheadMs(position: Position): number {
    const { watermark, wallTimeMs } = this.#parts
    return (wallTimeMs(position) ?? 0) - (wallTimeMs(watermark.at) ?? 0)
  }

  async #countWaiter(wait: () => Promise<void>): Promise<void> {
    if (this.#waiting >= this.#parts.maxWaiters) {
      throw new ReplicaError('TOO_MANY_WAITERS', `${this.#waiting} callers are already waiting for positions`)
    }
    this.#waiting += 1
    try {
      await wait()
    } finally {
      this.#waiting -= 1
    }
  }
}

/** Brands do not exist at run time: an invalid string would be waited for, or would precede every position. */
function checkedPosition(wanted: Position | SourcePosition): Position {
  const position = typeof wanted === 'string' ? wanted : wanted?.at
  const known = typeof wanted === 'string' || parseSourceId(String(wanted?.source)) !== undefined
  const checked = typeof position === 'string' && known ? parsePosition(position) : undefined
  if (checked !== undefined) return checked
  const got = typeof wanted === 'string' ? wanted : `${wanted?.source}.${position}`
  throw new ReplicaError(
    'BAD_POSITION',
    `expected 16 lowercase hexadecimal digits, or { source, at } with 8 and 16, got ${JSON.stringify(got.slice(0, 80))}`,
  )
}
