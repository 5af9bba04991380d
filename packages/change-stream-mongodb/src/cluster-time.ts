import { Timestamp } from '@freshet/guard'
import { highOf, lowOf, positionOf, type Position } from '@freshet/protocol'

/** A MongoDB cluster time as two unsigned numbers. A string per event would cost more than scanning it. */
export interface ClusterTime {
  /** Seconds since 1970. */
  readonly high: number
  /** Ordinal of the operation within that second. */
  readonly low: number
}

/** Negative when `a` is earlier than `b`, 0 when they are equal. */
export function compareTimes(a: ClusterTime, b: ClusterTime): number {
  return a.high === b.high ? a.low - b.low : a.high - b.high
}

/** One tick earlier. */
export function timeBefore({ high, low }: ClusterTime): ClusterTime {
  return low > 0 ? { high, low: low - 1 } : { high: high - 1, low: 0xffffffff }
}

/** One tick later, as a command parameter. */
export function timestampAfter(position: Position): Timestamp {
  const { high, low } = timeOf(position)
  return low < 0xffffffff ? new Timestamp({ t: high, i: low + 1 }) : new Timestamp({ t: high + 1, i: 0 })
}

export function timeOf(position: Position): ClusterTime {
  return { high: highOf(position), low: lowOf(position) }
}

/** In milliseconds since 1970, with a resolution of one second. */
export function wallTimeMsOf(position: Position): number {
  return highOf(position) * 1_000
}

export function positionAt({ high, low }: ClusterTime): Position {
  return positionOf(high, low)
}

/** Parses `operationTime` of a reply; `undefined` if missing. */
export function timeOfTimestamp(value: unknown): ClusterTime | undefined {
  if (!(value instanceof Timestamp)) return undefined
  return { high: value.getHighBitsUnsigned(), low: value.getLowBitsUnsigned() }
}

/** A resume token in a reply. */
export interface ResumeToken {
  readonly _data: string
}

/**
 * `82` (a timestamp), 8 + 8 digits of cluster time, `2B` and the version, then the kind: `29` (the number 0) is a
 * high-water mark, `2C…` an event. MongoDB documents tokens as opaque, so this is verified against an event's cluster
 * time.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/db/pipeline/resume_token.h
 */
const shape = /^82([0-9A-F]{8})([0-9A-F]{8})2B[0-9A-F]{2}(29|2C)/

/** The parsed contents of a token. */
export interface TokenTime extends ClusterTime {
  /** Not an event's token: no further event has a time at or before this one. */
  readonly highWaterMark: boolean
}

/** `undefined` if the token's format is unknown. */
export function readToken(token: ResumeToken): TokenTime | undefined {
  const match = shape.exec(token._data)
  if (!match) return undefined
  return {
    high: Number.parseInt(match[1] ?? '', 16),
    low: Number.parseInt(match[2] ?? '', 16),
    highWaterMark: match[3] === '29',
  }
}
