import { formatLineage, type Lineage } from '@freshet/protocol'
import { ObjectId } from 'mongodb'

/** What is told of one write. */
export interface CauseRecord {
  readonly _id: ObjectId
  /** As in the header `Freshet-Cause`. */
  readonly cause: string
}

/**
 * A new record for `causesCollection`. It is made and removed within the transaction of the write, so the feed carries it
 * and the collection is always empty.
 */
export function recordOf(cause: Lineage): CauseRecord {
  return { _id: new ObjectId(), cause: formatLineage(cause) }
}
