import type { SourceReads } from '@freshet/change-stream'
import { POSITION_ZERO } from '@freshet/protocol'

type Read = SourceReads['read']

function reading(inner: SourceReads, read: Read): SourceReads {
  return {
    read,
    head: (signal) => inner.head(signal),
    check: (collections, signal) => inner.check(collections, signal),
  }
}

/** No lower bound: at the first position, no transaction must have been seen. */
export function forgetsWhatTheFeedReported(inner: SourceReads): SourceReads {
  return reading(inner, (_position, ...others) => inner.read(POSITION_ZERO, ...others))
}

/** No upper bound: the present is taken for the state at the replica's position. */
export function forgetsTheFence(inner: SourceReads): SourceReads {
  return reading(inner, async (position, ...others) => {
    const reply = await inner.read(position, ...others)
    return reply.kind === 'fenced' ? { ...reply, until: position } : reply
  })
}
