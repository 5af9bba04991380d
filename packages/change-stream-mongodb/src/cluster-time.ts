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

/** A position as the cluster time in commands. */
export function timestampOf(position: Position): Timestamp {
  return new Timestamp({ t: highOf(position), i: lowOf(position) })
}

/** Parses `operationTime` or `atClusterTime` of a reply; `undefined` if missing. */
export function timeOfTimestamp(value: unknown): ClusterTime | undefined {
  if (!(value instanceof Timestamp)) return undefined
  return { high: value.getHighBitsUnsigned(), low: value.getLowBitsUnsigned() }
}
