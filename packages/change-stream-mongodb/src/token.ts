import type { ClusterTime } from './cluster-time.ts'

/** A resume token in a reply. */
export interface ResumeToken {
  readonly _data: string
}

/**
 * `82` (a timestamp), 8 + 8 digits of cluster time, `2B` and the version, then the kind: `29` (the number 0) is a
 * high-water mark, `2C…` an event. MongoDB documents tokens as opaque, so this is verified against an event's cluster
 * time.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/db/pipeline/resume_token.h
 */
const shape = /^82([0-9A-F]{8})([0-9A-F]{8})2B[0-9A-F]{2}(29|2C)/

/** The parsed contents of a token. */
export interface TokenTime extends ClusterTime {
  /** Not an event's token: no further event has a time at or before this one. */
  readonly highWaterMark: boolean
}

/** `undefined` if the token's format is unknown. */
export function readToken(token: ResumeToken): TokenTime | undefined {
  const match = shape.exec(token._data)
  if (!match) return undefined
  return {
    high: Number.parseInt(match[1] ?? '', 16),
    low: Number.parseInt(match[2] ?? '', 16),
    highWaterMark: match[3] === '29',
  }
}
