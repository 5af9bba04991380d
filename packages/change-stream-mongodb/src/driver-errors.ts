import { ChangeStreamError, type ChangeStreamErrorCode } from '@freshet/change-stream'

/**
 * Server error codes that mean more than a broken connection.
 * https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/base/error_codes.yml
 */
const codes: ReadonlyMap<unknown, ChangeStreamErrorCode> = new Map([
  [13, 'DENIED'], // Unauthorized
  [18, 'DENIED'], // AuthenticationFailed
  [50, 'POSITION_UNAVAILABLE'], // MaxTimeMSExpired
  [72, 'POSITION_UNAVAILABLE'], // InvalidOptions: a cluster time ahead of the node's
  [168, 'POSITION_UNAVAILABLE'], // InvalidPipelineOperator: a view has replaced the collection
  [239, 'POSITION_UNAVAILABLE'], // SnapshotTooOld
  [246, 'POSITION_UNAVAILABLE'], // SnapshotUnavailable
  [136, 'HISTORY_LOST'], // CappedPositionLost: the oplog was truncated during the scan
  [260, 'HISTORY_LOST'], // InvalidResumeToken
  [280, 'HISTORY_LOST'], // ChangeStreamFatalError
  [286, 'HISTORY_LOST'], // ChangeStreamHistoryLost
  [10334, 'EVENT_TOO_LARGE'], // BSONObjectTooLarge
  [13548, 'EVENT_TOO_LARGE'], // a buffer exceeded 64 MB while building the event
  [16493, 'EVENT_TOO_LARGE'], // a string above 16 MB, such as the resume token for an id of 8 MB or a large definition
  [40573, 'UNSUPPORTED'], // a change stream without a replica set
])

const remedies: Readonly<Partial<Record<ChangeStreamErrorCode, string>>> = {
  HISTORY_LOST: 'Increase the oplog size if this happens often.',
  UNSUPPORTED: 'Use a replica set with MongoDB 6.0 or newer, not a sharded cluster.',
}

/** An error for servers that cannot be followed exactly. */
export function unsupported(message: string): ChangeStreamError {
  return new ChangeStreamError('UNSUPPORTED', message, { remedy: remedies.UNSUPPORTED })
}

/**
 * Maps an error to one of our codes. Unknown errors count as a broken connection, which is retried without losing
 * anything.
 */
export function changeStreamErrorOf(error: unknown, doing: string): ChangeStreamError {
  if (error instanceof ChangeStreamError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const known = codes.get(code) ?? guardCode(error) ?? 'DISCONNECTED'
  const message = `could not ${doing}: ${describe(error, code)}`
  return new ChangeStreamError(known, message, { cause: error, remedy: remedies[known] })
}

/** What the guard rejects will be rejected again. What it calls retryable is a broken connection. */
function guardCode(error: unknown): ChangeStreamErrorCode | undefined {
  if (!(error instanceof Error) || !('retry' in error)) return undefined
  return error.retry === false ? 'DENIED' : 'DISCONNECTED'
}

function describe(error: unknown, code: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return typeof code === 'number' ? `error ${code}: ${error.message}` : error.message
}
