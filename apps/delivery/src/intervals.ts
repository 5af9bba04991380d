import type { Interval } from './contract.ts'

/** Whether a member with these intervals may see the message with this seq. */
export function sees(intervals: readonly Interval[], seq: number): boolean {
  return intervals.some(({ from, to = Infinity }) => from <= seq && seq <= to)
}

/** Whether such a member may see future messages. */
export function isMember(intervals: readonly Interval[]): boolean {
  return intervals.some(({ to }) => to === undefined)
}

/** The intervals of members by token: the whole conversation. */
export const EVERYTHING: readonly Interval[] = [{ from: 0 }]
