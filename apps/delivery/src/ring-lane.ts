import type { Interval } from './contract.ts'
import { EVERYTHING } from './intervals.ts'
import type { Offset } from './offset.ts'
import type { Publication } from './publication.ts'

/** A part of the ring: `after < offset < before`. */
export interface Range {
  readonly after: Offset
  readonly before: Offset
  readonly limit: number
  /** Where there are more than the limit: the last ones, else the first ones. */
  readonly latest: boolean
}

/** The publications of one audience in the ring, by offset; those of a group by seq too. Grows behind, shrinks in front. */
export class RingLane {
  #items: Publication[] = []
  #first = 0

  get size(): number {
    return this.#items.length - this.#first
  }

  push(publication: Publication): void {
    this.#items.push(publication)
  }

  /** The earliest one leaves. */
  shift(): Publication | undefined {
    const publication = this.#items[this.#first]
    if (publication === undefined) return undefined
    this.#first += 1
    if (this.#first > 32 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return publication
  }

  /** Puts another publication in the place of the one with the same offset. */
  replace(publication: Publication): void {
    const index = this.#search((held) => held.offset >= publication.offset)
    if (this.#items[index]?.offset === publication.offset) this.#items[index] = publication
  }

  /** Those in a range, in order; of a group only what the intervals show. */
  select(
    { after, before, limit, latest }: Range,
    intervals: readonly Interval[] = EVERYTHING,
  ): readonly Publication[] {
    const start = this.#search((held) => held.offset > after)
    const end = this.#search((held) => held.offset >= before)
    const found = intervals.flatMap(({ from, to = Infinity }) => {
      const first = Math.max(
        start,
        this.#search((held) => seqOf(held) >= from),
      )
      const last = Math.min(
        end,
        this.#search((held) => seqOf(held) > to),
      )
      return last <= first ? [] : cut(this.#items.slice(first, last), limit, latest)
    })
    return cut(found, limit, latest)
  }

  /** The first index for which `reached` is true; it must stay true behind it. */
  #search(reached: (held: Publication) => boolean): number {
    let low = this.#first
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      const held = this.#items[middle]
      if (held !== undefined && reached(held)) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** At most `limit` of them. */
export function cut<T>(all: readonly T[], limit: number, latest: boolean): readonly T[] {
  return latest ? all.slice(Math.max(0, all.length - limit)) : all.slice(0, limit)
}

function seqOf({ audience }: Publication): number {
  return audience.kind === 'group' ? audience.seq : 0
}
