import type { PastAnswer, PastReads } from '@freshet/change-stream'
import type { Id, Position } from '@freshet/protocol'

/** Reads of the past in which one rule is broken. */
function broken(
  inner: PastReads,
  at: (...all: Parameters<PastReads['at']>) => Promise<PastAnswer>,
): PastReads {
  return {
    at,
    now: (signal) => inner.now(signal),
    check: (collections, signal) => inner.check(collections, signal),
  }
}

/** Brings the newest state there is, as if it were that of the position. */
export function readsTheNewest(inner: PastReads): PastReads {
  return broken(inner, async (_position: Position, collection: string, ids: readonly Id[], signal) =>
    inner.at(await inner.now(signal), collection, ids, signal),
  )
}

/** A reply that names no position, as of a dropped collection, is taken for "there are none". */
export function takesSilenceAsAbsence(inner: PastReads): PastReads {
  return broken(inner, async (...all) => {
    const answer = await inner.at(...all)
    return answer.kind === 'unproved' ? { kind: 'exact', documents: new Map() } : answer
  })
}
