import { ChangeStreamError } from '@freshet/change-stream'
import type { BytePart, Clock, Log } from '@freshet/kit'
import { POSITION_ZERO, ProblemError, type Position, type SourceId } from '@freshet/protocol'
import { ReplicaError, type Replica } from '@freshet/replica'
import type { ReadAt } from '../backend/contract.ts'
import type { MinFreshness } from '../freshness.ts'

/** Reads of messages that run at the same time. */
export const MAX_RUNNING = 8

/** Memory of one read: what it may read, decoded, and the JSON made of it. */
export const READ_BYTES = 2 * 2 ** 20

/** Requests that may wait for the others. Beyond that they are refused. */
const MAX_WAITING = 1_000

/** Pause before a read is repeated at a later position. */
const RETRY_MS = 50

export interface MessageSnapshotsParts {
  readonly replica: Pick<Replica<unknown>, 'state' | 'atLeast' | 'now' | 'status'>
  /** Holds {@link MAX_RUNNING} times {@link READ_BYTES}, so it limits the number of reads too. */
  readonly budget: BytePart
  readonly clock: Clock
  readonly log: Log
  /** The longest wait for other reads and the database together. */
  readonly withinMs: number
}

/** Something that was read at one position. */
export interface Snapshot<T> {
  readonly value: T
  readonly source: SourceId
  readonly at: Position
}

/**
 * Runs reads that consist of several queries, all at the same position: the replica's. A limit of their own keeps them from
 * delaying the feed and reads of documents.
 */
export class MessageSnapshots {
  readonly #parts: MessageSnapshotsParts

  constructor(parts: MessageSnapshotsParts) {
    this.#parts = parts
  }

  /**
   * Waits for the position and for its turn, then runs `work`, again at a later position if the database cannot read one.
   * @throws {ReplicaError} as `Replica.atLeast`, SOURCE_REFUSED, UNAVAILABLE, CANCELLED. @throws {ProblemError} overloaded, and what `work`
   * throws
   */
  async read<T>(
    required: MinFreshness | undefined,
    signal: AbortSignal,
    work: (read: ReadAt) => Promise<T>,
  ): Promise<Snapshot<T>> {
    const { replica, budget, clock, withinMs } = this.#parts
    if (budget.waiting >= MAX_WAITING)
      throw new ProblemError('overloaded', {
        detail: `${MAX_WAITING} reads of messages are already waiting.`,
      })
    await this.#reach(required, signal)
    const endsAt = clock.now() + withinMs
    const ended = new AbortController()
    const giveUp = (): void => ended.abort()
    signal.addEventListener('abort', giveUp, { once: true })
    void clock.sleep(withinMs, ended.signal).then(giveUp)
    using lease = budget.lease()
    try {
      if (!(await lease.acquire(READ_BYTES, ended.signal))) {
        if (signal.aborted) throw cancelled()
        throw new ProblemError('overloaded', { detail: 'Too many messages are being read.' })
      }
      for (;;) {
        const { source, epoch, at } = replica.status()
        const serving = replica.state.kind === 'live' || replica.state.kind === 'lagging'
        if (serving && source !== undefined) {
          const read = { at, withinMs: endsAt - clock.now(), signal: ended.signal }
          const done = await this.#attempt(() => work(read))
          // In a new epoch, `at` may be a position of another history.
          if (done !== undefined && replica.status().epoch === epoch) return { value: done.value, source, at }
        }
        if (signal.aborted) throw cancelled()
        if (ended.signal.aborted) throw new ReplicaError('UNAVAILABLE', 'messages could not be read in time')
        await clock.sleep(RETRY_MS, ended.signal)
      }
    } finally {
      signal.removeEventListener('abort', giveUp)
      giveUp()
    }
  }

  async #reach(required: MinFreshness | undefined, signal: AbortSignal): Promise<void> {
    const { replica, withinMs } = this.#parts
    // The first position that it knows.
    if (required === undefined) await replica.atLeast(POSITION_ZERO, { waitMs: withinMs, signal })
    else if (required.atLeast === 'now') await replica.now({ waitMs: required.waitMs, signal })
    else await replica.atLeast(required.atLeast, { waitMs: required.waitMs, signal })
  }

  /** `undefined`: a later attempt may succeed. @throws {ReplicaError} SOURCE_REFUSED */
  async #attempt<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    try {
      return { value: await work() }
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      const { log } = this.#parts
      if (error.retry) {
        log.debug({ err: error }, 'a read of messages failed and is repeated')
        return undefined
      }
      log.error({ err: error }, 'the database refuses reads of messages')
      throw new ReplicaError('SOURCE_REFUSED', 'the database refused to read messages', { cause: error })
    }
  }
}

function cancelled(): ReplicaError {
  return new ReplicaError('CANCELLED', 'the signal of the call aborted')
}
