import type { Interval } from './contract.ts'

/** The intervals of someone who may see a whole conversation. */
export const EVERYTHING: readonly Interval[] = [{ from: 0 }]

/** Whether a member with these intervals may see the message with this seq. */
export function sees(intervals: readonly Interval[], seq: number): boolean {
  return intervals.some(({ from, to = Infinity }) => from <= seq && seq <= to)
}

/** Whether such a member may see future messages, and so may send. */
export function isMember(intervals: readonly Interval[]): boolean {
  return intervals.some(({ to }) => to === undefined)
}

/** The seq of the latest message that such a member may see of a conversation with this `lastSeq`; 0 if there is none. */
export function lastVisible(intervals: readonly Interval[], lastSeq: number): number {
  const last = intervals.at(-1)
  if (last === undefined) return 0
  const to = Math.min(last.to ?? lastSeq, lastSeq)
  // Joined after the latest message: what an earlier interval shows is the latest.
  return to >= last.from ? to : lastVisible(intervals.slice(0, -1), lastSeq)
}

/**
 * The intervals after joining a conversation with this `lastSeq`: everything from the next message on. Someone who left
 * and missed no message continues the last interval. The same array for a member.
 */
export function joined(intervals: readonly Interval[], lastSeq: number): readonly Interval[] {
  if (isMember(intervals)) return intervals
  const last = intervals.at(-1)
  if (last?.to === lastSeq) return [...intervals.slice(0, -1), { from: last.from }]
  return [...intervals, { from: lastSeq + 1 }]
}

/**
 * The intervals after leaving: nothing after this `lastSeq`. An interval without a message disappears. The same array
 * for someone who is not a member.
 */
export function left(intervals: readonly Interval[], lastSeq: number): readonly Interval[] {
  if (!isMember(intervals)) return intervals
  const closed = intervals.map(({ from, to = lastSeq }) => ({ from, to }))
  return closed.filter(({ from, to }) => from <= to)
}
