import type { Position, SourceId } from '@freshet/protocol'

/** What was known of a reader when a question was sent. */
export interface Floor {
  readonly source: SourceId | undefined
  readonly position: Position | undefined
  /** Answers that had been taken by then. */
  readonly taken: number
}

/** A reader that names more histories than these makes them up. */
const maxSources = 64

interface Named {
  newest: Position
  /** How many answers had been taken when the first one came that was asked after this history, and names another. */
  leftAt: number
}

/**
 * Holds P3 against one reader: its position never falls, and a history that it has left does not come back. Several
 * questions may be under way at once, so an answer is compared with what had been answered before its question was sent.
 */
export class PositionWatch {
  readonly #named = new Map<SourceId, Named>()
  #source: SourceId | undefined
  #taken = 0

  /** To be taken before a question is sent, and given to `take` with its answer. */
  floor(): Floor {
    const source = this.#source
    const position = source === undefined ? undefined : this.#named.get(source)?.newest
    return { source, position, taken: this.#taken }
  }

  /** Takes the position of an answer. @returns what is wrong with it, or nothing. */
  take(floor: Floor, source: SourceId, position: Position): string | undefined {
    this.#taken += 1
    const known = this.#named.get(source)
    if (known === undefined && this.#named.size >= maxSources)
      return `has named ${maxSources} sources, and now ${source}`
    if (known !== undefined && known.leftAt <= floor.taken)
      return `went back to the source ${source}, which it had left for another`
    const before = floor.source === undefined ? undefined : this.#named.get(floor.source)
    if (floor.source !== source && before !== undefined) before.leftAt = Math.min(before.leftAt, this.#taken)
    if (known === undefined) this.#named.set(source, { newest: position, leftAt: Number.POSITIVE_INFINITY })
    else if (position > known.newest) known.newest = position
    this.#source = source
    // Positions of two histories are never compared.
    if (floor.source !== source || floor.position === undefined || position >= floor.position)
      return undefined
    return `went backwards from ${floor.position} to ${position}`
  }
}
