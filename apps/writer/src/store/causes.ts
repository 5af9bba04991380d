import { formatLineage, type Lineage } from '@freshet/protocol'
import { ObjectId } from 'mongodb'

/**
 * Where the causes of writes are told: a record is made and removed within the transaction of the write, so the feed
 * carries it and the collection is always empty. The roles name it; readers know it by this name too.
 */
export const causesCollection = 'freshet_causes'

/** What is told of one write. */
export interface CauseRecord {
  readonly _id: ObjectId
  /** As in the header `Freshet-Cause`. */
  readonly cause: string
}

/** A new record. */
export function recordOf(cause: Lineage): CauseRecord {
  return { _id: new ObjectId(), cause: formatLineage(cause) }
}
