import type { Clock, Log, MonotonicMs } from '@freshet/kit'
import type { BoundedReads } from './bounded-reads.ts'
import { Deadline, StopSignal } from './deadline.ts'
import type { ReplicationProgress } from './progress.ts'
import type { ServedCollections } from './served-collections.ts'
import type { Watermark } from './watermark.ts'

/** Requests for refused collections cause at most one check in this time, and it waits no longer than this for W. */
export const RECHECK_REFUSED_MS = 5_000

export interface RefusedCollectionsParts {
  readonly collections: ServedCollections
  readonly sourceReads: BoundedReads
  readonly progress: ReplicationProgress
  readonly watermark: Watermark
  readonly clock: Clock
  readonly log: Log
  /** Treats the collection as after a change of its definition. */
  readonly redefined: (collection: string) => void
}

/**
 * Notices that the cause of a refusal is gone although the feed reports nothing, as after a granted right. Requests cause the checks,
 * and do not wait for them.
 */
export class RefusedCollections {
  readonly #parts: RefusedCollectionsParts
  readonly #stopSignal = new StopSignal()
  #nextAt: MonotonicMs

  constructor(parts: RefusedCollectionsParts) {
    this.#parts = parts
    this.#nextAt = parts.clock.now() + RECHECK_REFUSED_MS
  }

  /** The collection is requested. */
  requested(collection: string): void {
    const { collections, watermark, clock } = this.#parts
    if (clock.now() < this.#nextAt || !watermark.serving || !collections.isRefused(collection)) return
    this.#nextAt = Infinity
    void this.#check()
  }

  stop(): void {
    this.#nextAt = Infinity
    this.#stopSignal.end()
  }

  async #check(): Promise<void> {
    const { collections, clock, log } = this.#parts
    const refused = collections.refused()
    try {
      await this.#compare(refused)
    } catch (error) {
      log.debug({ collections: Object.keys(refused), err: error }, 'could not check the refused collections')
    }
    if (!this.#stopSignal.ended) this.#nextAt = clock.now() + RECHECK_REFUSED_MS
  }

  /** W includes everything before the check first: what the feed reports of that time may concern the definition. */
  async #compare(refused: Readonly<Record<string, string>>): Promise<void> {
    const { collections, sourceReads, progress, watermark, clock, redefined } = this.#parts
    const { source } = watermark
    const found = await sourceReads.check(Object.keys(refused))
    const changed = Object.keys(refused).filter((name) => found.get(name) !== refused[name])
    if (changed.length === 0) return
    using deadline = new Deadline(clock, RECHECK_REFUSED_MS, this.#stopSignal, undefined)
    await progress.reach('now', deadline)
    if (!watermark.serving || watermark.source !== source) return
    for (const name of changed) if (collections.isRefused(name)) redefined(name)
  }
}
