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
  UNREACHABLE: 'The database has no primary that can be reached, or gave the write up. Nothing was written.',
  CROWDED: 'Too many large documents are being looked at. Nothing was written.',
  UNCONFIRMED: 'What was found could not be confirmed by a majority of the database. Nothing was written.',
  OUTCOME_UNKNOWN: 'The database was asked to write, and its answer was lost or came too late.',
  NOT_UNIQUE: 'Another document has a value that must be unique in this collection.',
  UNFIT: 'A rule of the database, or one of its indexes, does not take this document.',
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
