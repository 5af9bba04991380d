import { headers as names, ProblemError, type ProblemCode } from '@freshet/protocol'
import { ReplicaError, type ReplicaErrorCode } from '@freshet/replica'
import { ClientGone } from '@freshet/service'

/** BAD_OPTION is of `openReplica` alone, which no reader calls. */
export type AnsweredCode = Exclude<ReplicaErrorCode, 'CANCELLED' | 'BAD_OPTION'>

/** What clients hear when the replica does not answer. */
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
  WRONG_SOURCE: 'The position is of another source than the one that this reader follows.',
  UNAVAILABLE: 'Memory alone cannot answer this, and the database did not answer in time.',
}

/**
 * The problem that a failure of the replica is answered with; other errors come back as they are. `position` is where
 * the reader stands, for the client that is told to wait.
 */
export function refusalOf(error: unknown, position: string | undefined): unknown {
  if (!(error instanceof ReplicaError)) return error
  const { code } = error
  if (code === 'CANCELLED') return new ClientGone('The client went away while it waited.', { cause: error })
  if (code === 'BAD_OPTION') return error
  const detail = code === 'BAD_ID' ? error.detail : details[code]
  return new ProblemError(problemOf[code], {
    ...(detail !== undefined && { detail }),
    ...(code === 'BEHIND' && position !== undefined && { headers: { [names.position]: position } }),
    cause: error,
  })
}
