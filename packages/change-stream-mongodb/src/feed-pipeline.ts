import type { ReadPipeline, ReadStage } from '@freshet/guard'
import type { Position } from '@freshet/protocol'
import { timestampAfter } from './cluster-time.ts'
import type { Resume } from './batch-assembler.ts'

/**
 * Largest document key whose change is delivered. Valid ids are much shorter. The server puts the key into an event
 * three times (once plain, and in the token as hex digits), so this keeps the overhead of a 16 MiB document below the
 * 16 KiB that the server allows.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/bson/util/builder.h (BSONObjMaxInternalSize)
 */
const longestKeyBytes = 2_048

type Stage = Readonly<Record<string, unknown>>

/** Which changes are sent. */
export interface FeedSelection {
  /** Stored names of collections whose contents are sent. */
  readonly collections: readonly string[]
  /**
   * Those of them of which only inserts are sent. If set, nothing is sent of documents in other collections; otherwise it
   * is sent that they changed.
   */
  readonly insertsOnly: readonly string[] | undefined
}

const documentChanges = ['insert', 'update', 'replace', 'delete']

/** Positions advance without events too, by high-water marks. A drop or an unknown event is always sent. */
function onlyEvents(collections: readonly string[], insertsOnly: readonly string[]): ReadStage {
  const others = collections.filter((name) => !insertsOnly.includes(name))
  return {
    $match: {
      $or: [
        { operationType: { $nin: documentChanges } },
        { operationType: 'insert', 'ns.coll': { $in: insertsOnly } },
        { 'ns.coll': { $in: others } },
      ],
    },
  }
}

/**
 * Selects every change in the database, so that each advances the position, but only the fields that {@link
 * EventReader} reads, and contents only for watched collections. Everything else may be arbitrarily large: an event
 * above 16 MiB is an error, and `updateDescription` repeats an array's name for each of its items.
 */
export function feedPipeline(
  from: Position,
  resume: Resume | undefined,
  { collections, insertsOnly }: FeedSelection,
): ReadPipeline {
  // `from` is already known. A change there that is too large must not be read again.
  const where = resume ? { [resume.how]: resume.token } : { startAtOperationTime: timestampAfter(from) }
  const watched = { $in: ['$ns.coll', collections] }
  const ifWatched = (field: string): Stage => ({ $cond: [watched, field, '$$REMOVE'] })
  return [
    { $changeStream: { showExpandedEvents: true, ...where } },
    ...(insertsOnly ? [onlyEvents(collections, insertsOnly)] : []),
    // `$expr` runs on the finished event; the server would push a plain condition down to the oplog entries.
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
