import type { MonotonicMs } from '@freshet/kit'

/**
 * Failed reads of one key that may be retried as soon as W moves. W moves with every change, so without this limit a
 * failing source would be read hundreds of times a second.
 */
export const MAX_IMMEDIATE_RETRIES = 3

/** Waits of at least this length end at multiples of it. */
const alignMs = 1_000

/** The retry interval when the position was the problem. */
const positionRetryMs = 50

/**
 * Aligns long waits to whole seconds, so that a thousand failing keys share a few reads once a second. Processes are not
 * synchronized, because each counts from its own start.
 */
export function alignedWaitMs(now: MonotonicMs, waitMs: number): number {
  if (waitMs < alignMs) return waitMs
  return Math.floor((now + waitMs) / alignMs) * alignMs - now
}

/**
 * The wait when the position was the problem. A collection that is constantly dropped and recreated is readable at few
 * positions; retrying only every other second may never hit one.
 */
export function positionRetryWaitMs(now: MonotonicMs): number {
  return positionRetryMs - (now % positionRetryMs)
}
