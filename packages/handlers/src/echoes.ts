import type { Clock, MonotonicMs } from '@freshet/kit'

/** Maximum writes remembered until their changes arrive; then the oldest are dropped. */
const MAX_ECHOES = 10_000

/** A change that has not arrived by then will not, or loops more slowly than tokens are refilled. */
const FORGET_AFTER_MS = 30_000

/** Replaces the id if a write does not say which documents it changes. */
export const someId = '*'

/** The handlers of this process that led to a change, and how often each led to another document on the way. */
export type Rounds = ReadonlyMap<string, number>

/** The assumed origin of a change. */
export interface Echo {
  readonly rounds: Rounds
  /** `document`: this process wrote it. `collection`: it wrote some document in the collection. `none`: neither. */
  readonly by: 'document' | 'collection' | 'none'
}

const none: Echo = { rounds: new Map(), by: 'none' }

interface Pending {
  /** Number of expected changes. */
  readonly times: number
  readonly rounds: Rounds
  readonly wroteAt: MonotonicMs
}

/**
 * Remembers what this process wrote, to determine which handlers led to a change. This is a guess, since someone else's
 * change of the document may arrive first, so it only affects the breaker's tokens.
 */
export class Echoes {
  readonly #collections: ReadonlySet<string>
  readonly #clock: Clock
  /** In the order of the last write. */
  readonly #pending = new Map<string, Pending>()

  /** @param collections whose changes the handler receives. */
  constructor(collections: readonly string[], clock: Clock) {
    this.#collections = new Set(collections)
    this.#clock = clock
  }

  /** Records a write of `key`, which will cause `times` changes. Its id is {@link someId} if unknown. */
  wrote(key: string, rounds: Rounds, times = 1): void {
    if (!this.#collections.has(collectionOf(key))) return
    this.#forget()
    const before = this.#pending.get(key)
    this.#pending.delete(key)
    this.#pending.set(key, {
      times: times + (before?.times ?? 0),
      rounds: before ? merged(before.rounds, rounds) : rounds,
      wroteAt: this.#clock.now(),
    })
  }

  /** Undoes {@link wrote}: the write changed nothing. */
  unwrote(key: string): void {
    this.#take(key)
  }

  /** Consumes one expected change. */
  heard(key: string): Echo {
    this.#forget()
    const ofDocument = this.#take(key)
    if (ofDocument) return { rounds: ofDocument.rounds, by: 'document' }
    const ofCollection = this.#take(`${collectionOf(key)}/${someId}`)
    return ofCollection ? { rounds: ofCollection.rounds, by: 'collection' } : none
  }

  #take(key: string): Pending | undefined {
    const pending = this.#pending.get(key)
    if (pending === undefined) return undefined
    if (pending.times > 1) this.#pending.set(key, { ...pending, times: pending.times - 1 })
    else this.#pending.delete(key)
    return pending
  }

  #forget(): void {
    const before = this.#clock.now() - FORGET_AFTER_MS
    for (const [key, { wroteAt }] of this.#pending) {
      if (wroteAt >= before && this.#pending.size < MAX_ECHOES) return
      this.#pending.delete(key)
    }
  }
}

/** The handlers of both, each with the smaller count: the longer path may have changed nothing. */
function merged(one: Rounds, other: Rounds): Rounds {
  const all = new Map(one)
  for (const [handler, times] of other) all.set(handler, Math.min(times, one.get(handler) ?? times))
  return all
}

function collectionOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
