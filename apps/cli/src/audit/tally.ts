import type { Verdict } from './contract.ts'

/** Counts of one reader or of all. */
export interface Counts {
  /** Answers that were checked. */
  readonly audited: number
  readonly wrong: number
  /** Checked answers without `detail=unproved`. */
  readonly proved: number
  /** The highest `Age` of a checked answer, in seconds. */
  readonly oldestS: number
  /** Facts that could not be checked, by reason. */
  readonly unjudged: Readonly<Record<string, number>>
  /** Refusals and missing answers, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

/** Further reasons are counted together. */
const maxReasons = 20
const otherReasons = 'other reasons'

/** Claims of an answer about its freshness. */
export interface Freshness {
  readonly ageS: number
  readonly unproved: boolean
}

/** Counts verdicts. */
export class Tally {
  readonly #unjudged = new Map<string, number>()
  readonly #refused = new Map<string, number>()
  readonly #judged = new Set<string>()
  #audited = 0
  #wrong = 0
  #proved = 0
  #oldestS = 0

  add(verdict: Verdict, collection: string, freshness: Freshness | undefined): void {
    if (verdict.kind === 'unjudged') return count(this.#unjudged, verdict.reason, 1)
    if (verdict.kind === 'refused') return count(this.#refused, verdict.reason, 1)
    this.#audited += 1
    this.#judged.add(collection)
    if (verdict.kind === 'wrong') this.#wrong += 1
    if (freshness?.unproved === false) this.#proved += 1
    this.#oldestS = Math.max(this.#oldestS, freshness?.ageS ?? 0)
  }

  /** Whether an answer about this collection was checked. */
  judged(collection: string): boolean {
    return this.#judged.has(collection)
  }

  include(other: Tally): void {
    this.#audited += other.#audited
    this.#wrong += other.#wrong
    this.#proved += other.#proved
    this.#oldestS = Math.max(this.#oldestS, other.#oldestS)
    for (const [reason, times] of other.#unjudged) count(this.#unjudged, reason, times)
    for (const [reason, times] of other.#refused) count(this.#refused, reason, times)
  }

  counts(): Counts {
    return {
      audited: this.#audited,
      wrong: this.#wrong,
      proved: this.#proved,
      oldestS: this.#oldestS,
      unjudged: Object.fromEntries(this.#unjudged),
      refused: Object.fromEntries(this.#refused),
    }
  }
}

function count(reasons: Map<string, number>, reason: string, times: number): void {
  const full = reasons.size >= maxReasons && !reasons.has(reason)
  const key = full ? otherReasons : reason
  reasons.set(key, (reasons.get(key) ?? 0) + times)
}
