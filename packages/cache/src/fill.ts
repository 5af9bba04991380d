import type { Position } from '@freshet/protocol'
import type { Absent } from './absent.ts'

/** Reads that were overtaken so often may answer from the past, or a busy document would never be answered. */
export const MAX_RETRIES = 3

/** One key that is being read from the source, and what the feed said about it meanwhile. */
export interface Fill<V> {
  readonly key: string
  /** The position that is read; `undefined` until the read is sent. Registered before it is sent. */
  readAt: Position | undefined
  /** The epoch in which it was sent. */
  epoch: number
  /** The newest state that the feed told since; wins over whatever the read brings. */
  latest: V | Absent | undefined
  /** The document changed since in a way that the feed did not tell: what the read brings is true at `w0` only. */
  overtaken: boolean
  retries: number
}

/** What came back: what a source's reply says of one document, or `unavailable`: nothing did. */
export type FillOutcome<V> =
  | { readonly kind: 'exact'; readonly value: V | Absent }
  | { readonly kind: 'fenced'; readonly value: V | Absent; readonly until: Position }
  | { readonly kind: 'behind-feed' }
  | { readonly kind: 'unavailable' }

/** What to do now. After a wait, present the same outcome again. */
export type FillDecision<V> =
  | { readonly kind: 'install'; readonly value: V | Absent }
  | { readonly kind: 'again' }
  | { readonly kind: 'wait-until'; readonly position: Position }
  | { readonly kind: 'wait-after'; readonly position: Position }
  /** Read again after a moment: W has nothing to do with it. */
  | { readonly kind: 'later' }
  /** Answer those whose floor is at or before `at`, keep nothing, and read again for the others. */
  | { readonly kind: 'answer-uninstalled'; readonly value: V | Absent; readonly at: Position }

/** Pure. What a fill's outcome means while the replica stands at `now` in `epoch`. */
export function decide<V>(
  fill: Readonly<Fill<V>>,
  outcome: FillOutcome<V>,
  now: Position,
  epoch: number,
): FillDecision<V> {
  // The feed's own word is the state at `now`, whatever the read says.
  if (fill.latest !== undefined) return { kind: 'install', value: fill.latest }
  if (fill.readAt === undefined || fill.epoch !== epoch) return { kind: 'again' }
  switch (outcome.kind) {
    case 'exact':
      if (!fill.overtaken) return { kind: 'install', value: outcome.value }
      return fill.retries + 1 >= MAX_RETRIES
        ? { kind: 'answer-uninstalled', value: outcome.value, at: fill.readAt }
        : { kind: 'again' }
    case 'fenced':
      if (fill.overtaken) return { kind: 'again' }
      // Up to `until` the feed has told all, and of this document nothing: what the read saw is still so.
      if (now >= outcome.until) return { kind: 'install', value: outcome.value }
      return { kind: 'wait-until', position: outcome.until }
    case 'behind-feed':
      return { kind: 'later' }
    case 'unavailable':
      return now > fill.readAt ? { kind: 'again' } : { kind: 'wait-after', position: fill.readAt }
  }
}
