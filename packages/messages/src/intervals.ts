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

/** Where to go on: after a seq in ascending order, or before one in descending order. */
export type SeqRange = { readonly after: number } | { readonly before: number }

/** The first seqs of a range that such a member may see of a conversation with this `lastSeq`, in the range's order. */
export function visibleSeqs(
  intervals: readonly Interval[],
  lastSeq: number,
  range: SeqRange,
  limit: number,
): readonly number[] {
  const seqs: number[] = []
  const visible = bounded(intervals, lastSeq)
  if ('after' in range) {
    for (const { from, to } of visible)
      for (let seq = Math.max(from, range.after + 1); seq <= to && seqs.length < limit; seq++) seqs.push(seq)
  } else {
    for (const { from, to } of visible.toReversed())
      for (let seq = Math.min(to, range.before - 1); seq >= from && seqs.length < limit; seq--) seqs.push(seq)
  }
  return seqs
}

/** How many messages after a seq such a member may see. */
export function countVisibleAfter(intervals: readonly Interval[], lastSeq: number, after: number): number {
  const counts = bounded(intervals, lastSeq).map(({ from, to }) => to - Math.max(from - 1, after))
  return counts.reduce((sum, count) => sum + Math.max(0, count), 0)
}

/** The messages that exist within the intervals. */
function bounded(intervals: readonly Interval[], lastSeq: number): readonly Required<Interval>[] {
  return intervals.map(({ from, to = lastSeq }) => ({ from: Math.max(from, 1), to: Math.min(to, lastSeq) }))
}
