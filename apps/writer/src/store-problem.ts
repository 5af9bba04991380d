import { ProblemError, type Id, type ProblemCode } from '@freshet/protocol'
import { StoreError, type StoreErrorCode } from './store/errors.ts'

const problemOf = {
  UNREACHABLE: 'unavailable',
  CONFLICT: 'busy',
  CROWDED: 'overloaded',
  IN_PROGRESS: 'in-progress',
  UNCONFIRMED: 'unavailable',
  OUTCOME_UNKNOWN: 'outcome-unknown',
  NOT_UNIQUE: 'invalid-document',
  UNFIT: 'invalid-document',
  NOT_EXACT: 'collection-not-exact',
  REJECTED: 'internal',
} as const satisfies Record<StoreErrorCode, ProblemCode>

const details: Partial<Record<StoreErrorCode, string>> = {
  UNREACHABLE: 'The database has no reachable primary, or aborted the write. Nothing was written.',
  CROWDED: 'Too many large documents are being read. Nothing was written.',
  UNCONFIRMED: 'No majority of the database confirmed what the decision was based on. Nothing was written.',
  OUTCOME_UNKNOWN: 'The write was sent to the database, but its reply was lost or came too late.',
  NOT_UNIQUE: 'Another document already has a value that must be unique in this collection.',
  UNFIT: 'A validation rule or an index of the database rejects this document.',
}

/**
 * Converts a store error into a problem; returns other errors unchanged. `id` is included when the outcome is unknown,
 * because the client may not know a generated id.
 */
export function storeProblem(error: unknown, id: Id): unknown {
  if (!(error instanceof StoreError)) return error
  const { code } = error
  const detail = details[code]
  return new ProblemError(problemOf[code], {
    ...(detail !== undefined && { detail }),
    ...(code === 'OUTCOME_UNKNOWN' && { id }),
    cause: error,
  })
}
