import type { Clock } from '@freshet/kit'
import type { Echo } from './echoes.ts'
import { TokenBucket, type BucketLimits } from './token-bucket.ts'

/** What is remembered of the documents heard of last; one that loops is always among them. */
const MAX_BUCKETS = 10_000

/**
 * From here on a loop differs from honest work, which may well hear of its own write, and correct something once more
 * because of it.
 */
const MANY_ROUNDS = 3

/** What a loop cannot keep to, and honest work does. */
export const defaultBucketLimits: BucketLimits = Object.freeze({
  burst: 100,
  refillPerS: 1,
  openMs: 5 * 60_000,
})

/**
 * Stops what goes round although nobody sees the circle: a bucket for each document heard of; one for everything
 * that the handler writes upon hearing of its own writes, which may be another document each time; one for each
 * collection in which it wrote what it did not name; and one for resets, which hear of no document.
 */
export class Breaker {
  readonly #limits: BucketLimits
  readonly #clock: Clock
  readonly #byDocument = new Map<string, TokenBucket>()
  readonly #ofEchoes: TokenBucket
  readonly #byCollection = new Map<string, TokenBucket>()
  readonly #ofResets: TokenBucket

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#ofEchoes = new TokenBucket(limits, clock)
    this.#ofResets = new TokenBucket(limits, clock)
  }

  /** How many are open now. */
  get open(): number {
    const buckets = [
      this.#ofEchoes,
      this.#ofResets,
      ...this.#byCollection.values(),
      ...this.#byDocument.values(),
    ]
    return buckets.filter((bucket) => bucket.open).length
  }

  /** Whether a call of `handler` may write because of `heard`, of which this is thought. */
  take(heard: string, handler: string, echo: Echo): boolean {
    return this.#bucketOf(heard).take() && (this.#sharedBucket(heard, handler, echo)?.take() ?? true)
  }

  /** What {@link take} took for a call whose writes changed nothing: nobody will hear of them. */
  giveBack(heard: string, handler: string, echo: Echo): void {
    this.#bucketOf(heard).giveBack()
    this.#sharedBucket(heard, handler, echo)?.giveBack()
  }

  /**
   * Nobody here caused this change. In a loop there is none of these; where others change the same collection, there is one
   * for each change that is mistaken for an echo.
   */
  foreign(heard: string): void {
    this.#ofCollection(heard).giveBack()
  }

  #sharedBucket(heard: string, handler: string, { by, rounds }: Echo): TokenBucket | undefined {
    const own = rounds.get(handler) ?? 0
    if (by === 'collection') return own > 0 ? this.#ofCollection(heard) : undefined
    const all = [...rounds.values()].reduce((sum, times) => sum + times, 0)
    return own > 0 && all >= MANY_ROUNDS ? this.#ofEchoes : undefined
  }

  /** Whether a reset may write: what it makes anew may be the cause of the next one. */
  takeReset(): boolean {
    return this.#ofResets.take()
  }

  #ofCollection(heard: string): TokenBucket {
    const collection = heard.slice(0, heard.indexOf('/'))
    const bucket = this.#byCollection.get(collection) ?? new TokenBucket(this.#limits, this.#clock)
    this.#byCollection.set(collection, bucket)
    return bucket
  }

  #bucketOf(heard: string): TokenBucket {
    const known = this.#byDocument.get(heard)
    const bucket = known ?? new TokenBucket(this.#limits, this.#clock)
    // The map keeps the order of insertion: what is used last stands last.
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
