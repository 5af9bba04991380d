import type { Position, SourceId } from '@freshet/protocol'

/** What was known about a reader when a question was sent. */
export interface Floor {
  readonly source: SourceId | undefined
  readonly position: Position | undefined
  /** Number of answers recorded by then. */
  readonly recorded: number
}

/** A reader that names more sources than this is making them up. */
const maxSources = 64

interface Named {
  latest: Position
  /** Number of recorded answers when another source first replaced this one. */
  leftAt: number
}

/**
 * Checks P3 for one reader: its position never decreases, and a source that it has left does not come back. Questions are
 * concurrent, so an answer is only compared with answers received before its question was sent.
 */
export class PositionWatch {
  readonly #named = new Map<SourceId, Named>()
  #source: SourceId | undefined
  #recorded = 0

  /** Call before sending a question, and pass the result to `record` with its answer. */
  floor(): Floor {
    const source = this.#source
    const position = source === undefined ? undefined : this.#named.get(source)?.latest
    return { source, position, recorded: this.#recorded }
  }

  /** Records the position of an answer. @returns what is wrong with it, or `undefined`. */
  record(floor: Floor, source: SourceId, position: Position): string | undefined {
    this.#recorded += 1
    const known = this.#named.get(source)
    if (known === undefined && this.#named.size >= maxSources)
      return `has named ${maxSources} sources, and now ${source}`
    if (known !== undefined && known.leftAt <= floor.recorded)
      return `returned to the source ${source}, which it had left`
    const before = floor.source === undefined ? undefined : this.#named.get(floor.source)
    if (floor.source !== source && before !== undefined)
      before.leftAt = Math.min(before.leftAt, this.#recorded)
    if (known === undefined) this.#named.set(source, { latest: position, leftAt: Number.POSITIVE_INFINITY })
    else if (position > known.latest) known.latest = position
    this.#source = source
    // Positions of two histories are never compared.
    if (floor.source !== source || floor.position === undefined || position >= floor.position)
      return undefined
    return `went backwards from ${floor.position} to ${position}`
  }
}
