import type { Clock } from '@freshet/kit'
import type { Echo } from './echoes.ts'
import { TokenBucket, type BucketLimits } from './token-bucket.ts'

/** Documents whose buckets are kept, the last heard of; one that loops is always among them. */
const MAX_BUCKETS = 10_000

/** From this round on it looks like a loop. Honest work may hear of its own write, and correct something once more. */
const MANY_ROUNDS = 3

/** Honest work stays within these limits; a loop cannot. */
export const defaultBucketLimits: BucketLimits = Object.freeze({
  burst: 100,
  refillPerS: 1,
  openMs: 5 * 60_000,
})

/**
 * Stops a loop whose cause was lost. There is a bucket for each document heard of; one for what the handler writes because
 * of its own writes, which may be another document each time; one for each collection in which it wrote documents that it
 * did not name; and one for resets, which hear of no document.
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

  /** How many buckets are empty and shut. */
  get open(): number {
    const buckets = [
      this.#ofEchoes,
      this.#ofResets,
      ...this.#byCollection.values(),
      ...this.#byDocument.values(),
    ]
    return buckets.filter((bucket) => bucket.open).length
  }

  /** Whether a call of `handler` may write because of `heard`, which is taken for this echo. */
  take(heard: string, handler: string, echo: Echo): boolean {
    return this.#bucketOf(heard).take() && (this.#sharedBucket(heard, handler, echo)?.take() ?? true)
  }

  /** Gives back what {@link take} took for a call whose writes changed nothing: nobody will hear of them. */
  giveBack(heard: string, handler: string, echo: Echo): void {
    this.#bucketOf(heard).giveBack()
    this.#sharedBucket(heard, handler, echo)?.giveBack()
  }

  /**
   * Nobody here caused this change, so it gives a token back. In a loop there are no such changes. Where others write the
   * same collection, there is one for each change that is mistaken for an echo.
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

  /** Whether a reset may write: it may be the cause of the next one. */
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
    // A map keeps the order of insertion: the last used stands last.
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
