import { EVERYTHING, sees, type Interval } from '@freshet/messages'
import type { Offset } from './offset.ts'
import type { Publication } from './publication.ts'

/** A part of the ring: `after < offset < before`. */
export interface Range {
  readonly after: Offset
  readonly before: Offset
  readonly limit: number
  /** Beyond the limit, return the last ones instead of the first ones. */
  readonly latest: boolean
}

/** The publications of one audience in the ring, in order of offset; those of a group usually also in order of seq. A queue. */
export class RingLane {
  #items: Publication[] = []
  #first = 0
  /** The order of seq is that of the offsets. Only another program than the writer breaks it. */
  #inOrder = true

  get size(): number {
    return this.#items.length - this.#first
  }

  push(publication: Publication): void {
    const last = this.#items.at(-1)
    if (last !== undefined && seqOf(publication) < seqOf(last)) this.#inOrder = false
    this.#items.push(publication)
  }

  /** Removes and returns the oldest one. */
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

  /** Replaces the publication with the same offset. */
  replace(publication: Publication): void {
    const index = this.#search((item) => item.offset >= publication.offset)
    if (this.#items[index]?.offset === publication.offset) this.#items[index] = publication
  }

  /** Those in a range, in order; of a group only those within the intervals. */
  select(
    { after, before, limit, latest }: Range,
    intervals: readonly Interval[] = EVERYTHING,
  ): readonly Publication[] {
    const start = this.#search((item) => item.offset > after)
    const end = this.#search((item) => item.offset >= before)
    if (!this.#inOrder) {
      const seen = this.#items.slice(start, end).filter((item) => sees(intervals, seqOf(item)))
      return cut(seen, limit, latest)
    }
    const found = intervals.flatMap(({ from, to = Infinity }) => {
      const first = Math.max(
        start,
        this.#search((item) => seqOf(item) >= from),
      )
      const last = Math.min(
        end,
        this.#search((item) => seqOf(item) > to),
      )
      return last <= first ? [] : cut(this.#items.slice(first, last), limit, latest)
    })
    return cut(found, limit, latest)
  }

  /** Binary search: the first index for which `reached` is true. It must be true for every index after that. */
  #search(reached: (item: Publication) => boolean): number {
    let low = this.#first
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      const item = this.#items[middle]
      if (item !== undefined && reached(item)) high = middle
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
