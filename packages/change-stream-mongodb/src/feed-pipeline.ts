import type { ReadPipeline } from '@freshet/guard'
import type { Position } from '@freshet/protocol'
import { timestampAfter } from './cluster-time.ts'
import type { Resume } from './reckoner.ts'

/**
 * The largest key of a document whose change is told. Ids that can be served are shorter by far; the server puts the key
 * into an event three times (as it is, and in the token as hexadecimal digits), so this keeps what is around a document
 * of 16 MiB below the 16 KiB that the server allows beyond it.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/bson/util/builder.h (BSONObjMaxInternalSize)
 */
const longestKeyBytes = 2_048

type Stage = Readonly<Record<string, unknown>>

/**
 * What the server is asked for: every change of the database, so that each moves the position, but of a change only what
 * {@link EventReader} reads, and its contents only where somebody asked for the collection. The rest can be as large as
 * it likes: an event above 16 MiB is an error, and `updateDescription` repeats the name of an array for each item in it.
 */
export function feedPipeline(
  from: Position,
  resume: Resume | undefined,
  collections: readonly string[],
): ReadPipeline {
  // What was at `from` is known; a change there that is too large must not be met again.
  const where = resume ? { [resume.how]: resume.token } : { startAtOperationTime: timestampAfter(from) }
  const watched = { $in: ['$ns.coll', collections] }
  const ifWatched = (field: string): Stage => ({ $cond: [watched, field, '$$REMOVE'] })
  return [
    { $changeStream: { showExpandedEvents: true, ...where } },
    // Evaluated upon the finished event: a plain condition would be taken apart and asked of the oplog's entries.
    { $match: { $expr: { $lt: [{ $bsonSize: '$documentKey' }, longestKeyBytes] } } },
    {
      $project: {
        operationType: 1,
        clusterTime: 1,
        ns: 1,
        to: 1,
        txnNumber: 1,
        documentKey: ifWatched('$documentKey'),
        fullDocument: ifWatched('$fullDocument'),
      },
    },
  ]
}
