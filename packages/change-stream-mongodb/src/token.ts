import type { ClusterTime } from './cluster-time.ts'

/** A resume token as replies carry it. */
export interface ResumeToken {
  readonly _data: string
}

/**
 * `82` (a timestamp), 8 + 8 digits of cluster time, `2B` and the version, then the kind: `29` (the number 0) is a
 * high-water mark, `2C…` an event. MongoDB calls tokens opaque, so events are held against their own cluster time.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/db/pipeline/resume_token.h
 */
const shape = /^82([0-9A-F]{8})([0-9A-F]{8})2B[0-9A-F]{2}(29|2C)/

/** What is read from a token. */
export interface TokenTime extends ClusterTime {
  /** Not the token of an event: a promise that nothing up to this time will come any more. */
  readonly highWaterMark: boolean
}

/** `undefined` when the token has another shape than the one that is known. */
export function readToken(token: ResumeToken): TokenTime | undefined {
  const match = shape.exec(token._data)
  if (!match) return undefined
  return {
    high: Number.parseInt(match[1] ?? '', 16),
    low: Number.parseInt(match[2] ?? '', 16),
    highWaterMark: match[3] === '29',
  }
}
