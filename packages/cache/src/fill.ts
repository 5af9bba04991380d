import type { Position } from '@freshet/protocol'
import type { Absent } from './absent.ts'

/** After this many overtaken reads a fill may answer from an earlier position. Otherwise a hot document is never answered. */
export const MAX_RETRIES = 3

/** One key being read from the source, with what the feed reported about it in the meantime. */
export interface Fill<V> {
  readonly key: string
  /** The position of the read; `undefined` until the read is sent. */
  readAt: Position | undefined
  /** The epoch in which the read was sent. */
  epoch: number
  /** The latest state from the feed since then. It takes precedence over the read. */
  latest: V | Absent | undefined
  /** The document changed since then and its new state is unknown: the read is valid at `readAt` only. */
  overtaken: boolean
  retries: number
}

/** What a source's reply says about one document, or `unavailable` when there was no reply. */
export type FillOutcome<V> =
  | { readonly kind: 'exact'; readonly value: V | Absent }
  | { readonly kind: 'fenced'; readonly value: V | Absent; readonly until: Position }
  | { readonly kind: 'behind-feed' }
  | { readonly kind: 'unavailable' }

/** What to do next. After a `wait-until`, pass the same outcome again. */
export type FillDecision<V> =
  | { readonly kind: 'install'; readonly value: V | Absent }
  | { readonly kind: 'retry' }
  | { readonly kind: 'wait-until'; readonly position: Position }
  | { readonly kind: 'wait-after'; readonly position: Position }
  /** Read again after a delay; W does not matter. */
  | { readonly kind: 'retry-later' }
  /** Answer callers whose floor is at or before `at`, cache nothing, and read again for other callers. */
  | { readonly kind: 'answer-uninstalled'; readonly value: V | Absent; readonly at: Position }

/** Pure. Decides what an outcome means while W is at `now` in `epoch`. */
export function decide<V>(
  fill: Readonly<Fill<V>>,
  outcome: FillOutcome<V>,
  now: Position,
  epoch: number,
): FillDecision<V> {
  // What the feed reported is the state at `now`, whatever the read returned.
  if (fill.latest !== undefined) return { kind: 'install', value: fill.latest }
  if (fill.readAt === undefined || fill.epoch !== epoch) return { kind: 'retry' }
  switch (outcome.kind) {
    case 'exact':
      if (!fill.overtaken) return { kind: 'install', value: outcome.value }
      return fill.retries + 1 >= MAX_RETRIES
        ? { kind: 'answer-uninstalled', value: outcome.value, at: fill.readAt }
        : { kind: 'retry' }
    case 'fenced':
      if (fill.overtaken) return { kind: 'retry' }
      // The feed has passed `until` without a change of this document, so the read is still current.
      if (now >= outcome.until) return { kind: 'install', value: outcome.value }
      return { kind: 'wait-until', position: outcome.until }
    case 'behind-feed':
      return { kind: 'retry-later' }
    case 'unavailable':
      return now > fill.readAt ? { kind: 'retry' } : { kind: 'wait-after', position: fill.readAt }
  }
}
