import type { Position, SourceId } from '@freshet/protocol'

/** What was known of a reader when a question was sent. */
export interface Floor {
  readonly source: SourceId | undefined
  readonly position: Position | undefined
}

/**
 * Holds P3 against one reader: its position never falls. Several questions may be under way at once, so an answer is
 * compared with the newest position that had been answered before its question was sent.
 */
export class PositionWatch {
  #newest: Floor = { source: undefined, position: undefined }

  /** To be taken before a question is sent, and given to `take` with its answer. */
  floor(): Floor {
    return this.#newest
  }

  /** Takes the position of an answer. @returns what is wrong with it, or nothing. */
  take(floor: Floor, source: SourceId, position: Position): string | undefined {
    const newest = this.#newest
    if (newest.source !== source || newest.position === undefined || position > newest.position)
      this.#newest = { source, position }
    // Positions of two histories are never compared.
    if (floor.source !== source || floor.position === undefined || position >= floor.position)
      return undefined
    return `went backwards from ${floor.position} to ${position}`
  }
}
