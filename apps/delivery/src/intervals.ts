import type { Interval } from './contract.ts'

/** Whether a member with these intervals may see the message with this seq. */
export function sees(intervals: readonly Interval[], seq: number): boolean {
  return intervals.some(({ from, to = Infinity }) => from <= seq && seq <= to)
}

/** Whether such a member may see what will be sent. */
export function isMember(intervals: readonly Interval[]): boolean {
  return intervals.some(({ to }) => to === undefined)
}

/** The intervals of those who are members by their token: all of the group. */
export const EVERYTHING: readonly Interval[] = [{ from: 0 }]
