import type { MonotonicMs } from '@freshet/kit'

/**
 * Reads of one key that may fail and be sent again as soon as W has moved. W moves with every change, so a source that
 * goes on to fail would be asked hundreds of times a second without it.
 */
export const MAX_IMMEDIATE_RETRIES = 3

/** Waits of this length or longer end together. */
const alignMs = 1_000

/** Where the position was the reason, keys that wait ask together so often. */
const positionRetryMs = 50

/**
 * How long to wait: long waits end at whole seconds, so that a thousand keys that cannot be read ask in a few reads
 * once a second, and not each by itself. Processes do not come together: each counts its seconds from its own start.
 */
export function alignedWaitMs(now: MonotonicMs, waitMs: number): number {
  if (waitMs < alignMs) return waitMs
  return Math.floor((now + waitMs) / alignMs) * alignMs - now
}

/**
 * How long to wait where the position was the reason. A collection that is dropped and made anew all the time can be read
 * at few of them, and whoever asks only every other second may never meet one.
 */
export function positionRetryWaitMs(now: MonotonicMs): number {
  return positionRetryMs - (now % positionRetryMs)
}
