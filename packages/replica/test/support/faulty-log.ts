import type { Batch } from '@freshet/change-stream'
import type { Change } from '@freshet/protocol'
import type { FeedSide } from './bench.ts'

/** A feed whose batches are altered. */
function changing(feed: FeedSide, change: (batch: Batch) => Batch): FeedSide {
  return {
    begin: (origin) => feed.begin(origin),
    broken: (error) => feed.broken(error),
    apply: (batch) => feed.apply(change(batch)),
  }
}

/** Every tenth change is lost. */
export function dropsEvents(feed: FeedSide): FeedSide {
  let n = 0
  return changing(feed, (batch) => ({ ...batch, changes: batch.changes.filter(() => (n += 1) % 10 !== 0) }))
}

/** A log with at-least-once delivery repeats an old state of a document, and the duplicate is not dropped. */
export function repeatsTheOld(feed: FeedSide): FeedSide {
  const seen: Change[] = []
  return changing(feed, (batch) => {
    for (const change of batch.changes) if (change.kind === 'upsert') seen.push(owned(change))
    const old = seen.length > 10 ? seen.shift() : undefined
    return old ? { ...batch, changes: [...batch.changes, old] } : batch
  })
}

/** After a restart of the log, everything before W is assumed to be known already. */
export function skipsWhatIsBeforeW(feed: FeedSide): FeedSide {
  let reached = ''
  return changing(feed, (batch) => {
    if (batch.through < reached) return { ...batch, changes: [] }
    reached = batch.through
    return batch
  })
}

function owned<C extends Change>(change: C): C {
  return 'document' in change ? { ...change, document: Buffer.from(change.document) } : change
}
