import type { Clock, MonotonicMs } from '@freshet/kit'

/** The most writes that are remembered until their changes are heard; beyond that the oldest are forgotten. */
const MAX_ECHOES = 10_000

/** A change that has not come by then will not, or its loop is slower than tokens come back. */
const FORGET_AFTER_MS = 30_000

/** Stands for the id where a write does not say which documents it changes. */
export const someId = '*'

/** The handlers of this process that led to a change, and how often each led to another document on the way. */
export type Rounds = ReadonlyMap<string, number>

/** What a change that is heard now is taken for. */
export interface Echo {
  readonly rounds: Rounds
  /** `document`: somebody here wrote this one. `collection`: somebody here wrote one of these. `none`: neither. */
  readonly by: 'document' | 'collection' | 'none'
}

const none: Echo = { rounds: new Map(), by: 'none' }

interface Pending {
  /** Changes that are expected. */
  readonly times: number
  readonly rounds: Rounds
  readonly wroteAt: MonotonicMs
}

/**
 * Remembers what this process wrote, to know which handlers led to a change that one handler hears. It is a guess: another
 * change of the same document may come first. So it does no more than take tokens from the breaker.
 */
export class Echoes {
  readonly #collections: ReadonlySet<string>
  readonly #clock: Clock
  /** In the order of the last write. */
  readonly #pending = new Map<string, Pending>()

  /** @param collections whose changes the handler hears. */
  constructor(collections: readonly string[], clock: Clock) {
    this.#collections = new Set(collections)
    this.#clock = clock
  }

  /** `key` was written: `times` changes of it will be heard. Its id is {@link someId} where it is not known. */
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

  /** The write that {@link wrote} was told of changed nothing. */
  unwrote(key: string): void {
    this.#take(key)
  }

  /** Takes the change that is heard now off those that are expected. */
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

/** The handlers of both, each by its shorter way: the longer one may have changed nothing. */
function merged(one: Rounds, other: Rounds): Rounds {
  const all = new Map(one)
  for (const [handler, times] of other) all.set(handler, Math.min(times, one.get(handler) ?? times))
  return all
}

function collectionOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
