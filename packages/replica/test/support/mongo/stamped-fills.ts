import {
  Cache,
  type Absent,
  type CacheOptions,
  type Fill,
  type FillDecision,
  type FillOutcome,
} from '@freshet/cache'
import type { Batch } from '@freshet/change-stream'
import type { Position } from '@freshet/protocol'
import type { Parsed } from './parsed.ts'
import type { FeedSide } from '../bench.ts'
import { stampsByOperationTime } from './faulty-connection.ts'
import type { OpenReplicaOptions } from './open-replica.ts'

/** What reads, feed and rules know of each other in {@link stampedFills}. */
class Stamps {
  /** By key: the stamp of what was read. */
  readonly read = new Map<string, Position>()
  /** Where the feed stands with the batch that it tells now. */
  told: Position | undefined

  /** Whether what the feed tells now must be in what was read already, if stamps are right. */
  cover(key: string, told: Position | undefined): boolean {
    const stamp = this.read.get(key)
    return stamp !== undefined && told !== undefined && told <= stamp
  }
}

/** Drops what the feed tells of a document at or before the stamp of its read, during the read and after it. */
class DropsWhatStampsCover extends Cache<Parsed> {
  readonly #stamps: Stamps
  readonly #toldAt = new Map<string, Position>()

  constructor(options: CacheOptions<Parsed>, stamps: Stamps) {
    super(options)
    this.#stamps = stamps
  }

  override upsert(key: string, value: Parsed | Absent): void {
    const { told } = this.#stamps
    if (told !== undefined) this.#toldAt.set(key, told)
    if (!this.#stamps.cover(key, told)) super.upsert(key, value)
  }

  override applyOutcome(
    fill: Fill<Parsed>,
    outcome: FillOutcome<Parsed>,
    now: Position,
  ): FillDecision<Parsed> {
    if (this.#stamps.cover(fill.key, this.#toldAt.get(fill.key))) fill.latest = undefined
    return super.applyOutcome(fill, outcome, now)
  }
}

/**
 * A replica that believes each read to be the state at the operationTime of its reply. It needs no reads of the past,
 * and random load hardly ever shows that it is wrong.
 */
export function stampedFills(): OpenReplicaOptions {
  const stamps = new Stamps()
  return {
    wrapReads: stampsByOperationTime((collection, ids, at) => {
      for (const id of ids) stamps.read.set(`${collection}/${id}`, at)
    }),
    wrapSink: (feed: FeedSide) => ({
      begin: (origin) => feed.begin(origin),
      broken: (error) => feed.broken(error),
      apply: (batch: Batch) => {
        stamps.told = batch.through
        feed.apply(batch)
      },
    }),
    cache: (options) => new DropsWhatStampsCover(options, stamps),
  }
}
