import type { SourceReply, SourceReads } from '@freshet/change-stream'
import type { Id, Position } from '@freshet/protocol'

/** Reads of the source in which one rule is broken. */
function broken(
  inner: SourceReads,
  read: (...all: Parameters<SourceReads['read']>) => Promise<SourceReply>,
): SourceReads {
  return {
    read,
    head: (signal) => inner.head(signal),
    check: (collections, signal) => inner.check(collections, signal),
  }
}

/** Returns the latest state as if it were the state at the position. */
export function readsTheNewest(inner: SourceReads): SourceReads {
  return broken(inner, async (_position: Position, collection: string, ids: readonly Id[], signal) =>
    inner.read(await inner.head(signal), collection, ids, signal),
  )
}

/** A reply without a position, as for a dropped collection, is treated as absence. */
export function takesSilenceAsAbsence(inner: SourceReads): SourceReads {
  return broken(inner, async (...all) => {
    const answer = await inner.read(...all)
    return answer.kind === 'fenced' ? { kind: 'exact', documents: new Map() } : answer
  })
}
