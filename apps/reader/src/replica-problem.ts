import { headers as names, ProblemError, type ProblemCode } from '@freshet/protocol'
import { ReplicaError, type ReplicaErrorCode } from '@freshet/replica'
import { ClientGone } from '@freshet/service'

/** Codes with a problem. BAD_OPTION is thrown only by `openReplica`, which readers do not call. */
export type AnsweredCode = Exclude<ReplicaErrorCode, 'CANCELLED' | 'BAD_OPTION'>

const problemOf = {
  BEHIND: 'reader-behind',
  BAD_POSITION: 'bad-position',
  WRONG_SOURCE: 'bad-position',
  SOURCE_UNKNOWN: 'source-unknown',
  UNKNOWN_COLLECTION: 'unknown-collection',
  COLLECTION_NOT_EXACT: 'collection-not-exact',
  BAD_ID: 'bad-id',
  UNAVAILABLE: 'unavailable',
  ANSWER_TOO_LARGE: 'answer-too-large',
  TOO_MANY_WAITERS: 'overloaded',
  STOPPED: 'not-ready',
} as const satisfies Record<AnsweredCode, ProblemCode>

const details: Partial<Record<ReplicaErrorCode, string>> = {
  WRONG_SOURCE: 'The position belongs to a different source than the one this reader follows.',
  UNAVAILABLE: 'The answer is not cached, and the database did not answer in time.',
}

/**
 * Converts a replica error into a problem; returns other errors unchanged. `position` is the current position, sent to
 * a client that has to wait.
 */
export function replicaProblem(error: unknown, position: string | undefined): unknown {
  if (!(error instanceof ReplicaError)) return error
  const { code } = error
  if (code === 'CANCELLED')
    return new ClientGone('The client disconnected while it waited.', { cause: error })
  if (code === 'BAD_OPTION') return error
  const detail = code === 'BAD_ID' ? error.detail : details[code]
  return new ProblemError(problemOf[code], {
    ...(detail !== undefined && { detail }),
    ...(code === 'BEHIND' && position !== undefined && { headers: { [names.position]: position } }),
    cause: error,
  })
}
