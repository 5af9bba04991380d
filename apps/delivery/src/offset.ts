import type { SourceId } from '@freshet/protocol'
import { createHash } from 'node:crypto'

/**
 * A point in the order of watched changes, the same on every instance: the second of the source's clock and the index of
 * the change within it. A safe integer until the year 2059.
 */
export type Offset = number

/** 2025-01-01T00:00:00Z: counted from 1970, an offset would not fit 53 bits. */
const FIRST_SECOND = 1_735_689_600

/** Changes in one second. */
const PER_SECOND = 2 ** 23

const LAST_SECOND = FIRST_SECOND + 2 ** 30 - 1

/**
 * The offset of the change with this 1-based index within its second; index 0 is the start of the second.
 * @throws {RangeError} the second is before 2025 or after 2058, or the index does not fit.
 */
export function offsetOf(second: number, index: number): Offset {
  if (!Number.isInteger(second) || second < FIRST_SECOND || second > LAST_SECOND)
    throw new RangeError(`expected a second from ${FIRST_SECOND} to ${LAST_SECOND}, got ${second}`)
  if (!Number.isInteger(index) || index < 0 || index >= PER_SECOND)
    throw new RangeError(`expected an index from 0 to ${PER_SECOND - 1}, got ${index}`)
  return (second - FIRST_SECOND) * PER_SECOND + index
}

/** The second of an offset, since 1970. */
export function secondOf(offset: Offset): number {
  return Math.floor(offset / PER_SECOND) + FIRST_SECOND
}

/**
 * The epoch of a source and a version of the filter: two filters count differently. 16 hex digits, never the
 * sentinel `_` that SDKs send to prevent recovery.
 */
export function epochOf(source: SourceId, filterVersion: number): string {
  return createHash('sha256').update(`${source}:${filterVersion}`).digest('hex').slice(0, 16)
}

/** Numbers the watched changes. Must start at the boundary of a second, or two instances would count differently. */
export class OffsetCounter {
  #second: number
  #index = 0

  /** @throws {RangeError} as `offsetOf`. */
  constructor(second: number) {
    offsetOf(second, 0)
    this.#second = second
  }

  /** The latest offset: that of the last change, or the start of a later second that was reached. */
  get top(): Offset {
    return offsetOf(this.#second, this.#index)
  }

  /** The offset of the next change. @throws {RangeError} its second is earlier than that of the change before. */
  next(second: number): Offset {
    this.reach(second)
    if (second < this.#second)
      throw new RangeError(`expected a change of second ${this.#second} or later, got one of ${second}`)
    this.#index += 1
    return this.top
  }

  /** Advances to a second; no change of an earlier one will follow. Earlier seconds are ignored. */
  reach(second: number): void {
    if (second <= this.#second) return
    this.#second = second
    this.#index = 0
  }
}
