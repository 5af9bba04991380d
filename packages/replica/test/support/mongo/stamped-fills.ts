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

/** State shared by reads, feed and cache in {@link stampedFills}. */
class Stamps {
  /** The stamp of the last read, by key. */
  readonly read = new Map<string, Position>()
  /** The position of the batch being applied. */
  told: Position | undefined

  /** Whether the current batch must already be included in the read, if stamps were right. */
  cover(key: string, told: Position | undefined): boolean {
    const stamp = this.read.get(key)
    return stamp !== undefined && told !== undefined && told <= stamp
  }
}

/** Ignores changes of a document at or before the stamp of its read, both during the read and afterwards. */
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
 * A replica that treats each read as the state at its reply's operationTime. It needs no reads at earlier positions, and
 * random load hardly ever shows that it is wrong.
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
