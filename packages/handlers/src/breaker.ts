import type { Clock } from '@freshet/kit'
import type { Echo } from './echoes.ts'
import { BreakerBucket, type BucketLimits } from './breaker-bucket.ts'

/** Number of documents with a bucket, most recently used first. A looping document is always among them. */
const MAX_BUCKETS = 10_000

/** From this round on, it looks like a loop. A legitimate handler may react to its own write and correct it once. */
const MANY_ROUNDS = 3

/** Legitimate work stays within these limits; a loop cannot. */
export const defaultBucketLimits: BucketLimits = Object.freeze({
  burst: 100,
  refillPerS: 1,
  openMs: 5 * 60_000,
})

/**
 * Stops loops whose cause was lost. There is a bucket for each document; one for what the handler writes because of its
 * own writes, which may be a different document each time; one for each collection in which it changed documents
 * without naming them; and one for resets.
 */
export class Breaker {
  readonly #limits: BucketLimits
  readonly #clock: Clock
  readonly #byDocument = new Map<string, BreakerBucket>()
  readonly #ofEchoes: BreakerBucket
  readonly #byCollection = new Map<string, BreakerBucket>()
  readonly #ofResets: BreakerBucket

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#ofEchoes = new BreakerBucket(limits, clock)
    this.#ofResets = new BreakerBucket(limits, clock)
  }

  /** Number of open breakers. */
  get open(): number {
    const buckets = [
      this.#ofEchoes,
      this.#ofResets,
      ...this.#byCollection.values(),
      ...this.#byDocument.values(),
    ]
    return buckets.filter((bucket) => bucket.open).length
  }

  /** Whether a call of `handler` caused by `heard` may write; `echo` is the assumed origin of the change. */
  take(heard: string, handler: string, echo: Echo): boolean {
    return this.#bucketOf(heard).take() && (this.#sharedBucket(heard, handler, echo)?.take() ?? true)
  }

  /** Refunds {@link take} for a call whose writes changed nothing and thus cause no further changes. */
  giveBack(heard: string, handler: string, echo: Echo): void {
    this.#bucketOf(heard).giveBack()
    this.#sharedBucket(heard, handler, echo)?.giveBack()
  }

  /**
   * Refunds a token for a change that this process did not cause. There are none in a loop. If others write to the same
   * collection, there is one for each change mistaken for an echo.
   */
  foreign(heard: string): void {
    this.#ofCollection(heard).giveBack()
  }

  #sharedBucket(heard: string, handler: string, { by, rounds }: Echo): BreakerBucket | undefined {
    const own = rounds.get(handler) ?? 0
    if (by === 'collection') return own > 0 ? this.#ofCollection(heard) : undefined
    const all = [...rounds.values()].reduce((sum, times) => sum + times, 0)
    return own > 0 && all >= MANY_ROUNDS ? this.#ofEchoes : undefined
  }

  /** Whether a reset may write: it may cause the next one. */
  takeReset(): boolean {
    return this.#ofResets.take()
  }

  #ofCollection(heard: string): BreakerBucket {
    const collection = heard.slice(0, heard.indexOf('/'))
    const bucket = this.#byCollection.get(collection) ?? new BreakerBucket(this.#limits, this.#clock)
    this.#byCollection.set(collection, bucket)
    return bucket
  }

  #bucketOf(heard: string): BreakerBucket {
    const known = this.#byDocument.get(heard)
    const bucket = known ?? new BreakerBucket(this.#limits, this.#clock)
    // A map keeps insertion order, so the most recently used comes last.
    if (known) this.#byDocument.delete(heard)
    this.#byDocument.set(heard, bucket)
    if (this.#byDocument.size > MAX_BUCKETS) this.#forgetOldest()
    return bucket
  }

  #forgetOldest(): void {
    for (const heard of this.#byDocument.keys()) {
      this.#byDocument.delete(heard)
      return
    }
  }
}
