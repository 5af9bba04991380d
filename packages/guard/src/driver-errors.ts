// G3.6 fails without this file: a wrong password is an error without a code.
import {
  MongoCompatibilityError,
  MongoError,
  MongoErrorLabel,
  MongoInvalidArgumentError,
  MongoMissingCredentialsError,
  MongoMissingDependencyError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb'
import { membersToldBy, refusalOf } from '@freshet/mongodb-rules'
import { GuardError } from './errors.ts'

/**
 * A server that starts, stops, is no longer primary or is overloaded:
 * https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const passing: ReadonlySet<unknown> = new Set([
  6, 7, 50, 89, 91, 189, 262, 462, 10058, 10107, 11600, 11602, 13435, 13436,
])

/** Maps an error during opening to a GuardError if known; other errors are returned unchanged. */
export function guardErrorOf(error: unknown, seeds: readonly string[] | undefined): unknown {
  if (error instanceof MongoServerError && refusalOf(error) === 'stranger') {
    return new GuardError('NOT_AUTHENTICATED', 'unknown user or wrong password', {
      cause: error,
    })
  }
  if (isOfAddress(error)) return new GuardError('BAD_ADDRESS', error.message, { cause: error })
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError || isPassing(error)) {
    return new GuardError('UNREACHABLE', error.message + hintFor(error, seeds), { cause: error })
  }
  return error
}

/** Options such as `loadBalanced` and `compressors` are only used when the driver connects. */
function isOfAddress(error: unknown): error is MongoError {
  return (
    error instanceof MongoCompatibilityError ||
    error instanceof MongoInvalidArgumentError ||
    error instanceof MongoMissingCredentialsError ||
    error instanceof MongoMissingDependencyError
  )
}

function isPassing(error: unknown): error is MongoError {
  if (!(error instanceof MongoError)) return false
  // Not exported by the driver.
  if (error.name === 'MongoWaitQueueTimeoutError' || error.name === 'MongoPoolClosedError') return true
  return passing.has(error.code) || error.hasErrorLabel(MongoErrorLabel.SystemOverloadedError)
}

/** For when a server replied but reported members that cannot be reached by their names. */
function hintFor(error: Error, seeds: readonly string[] | undefined): string {
  const told = error instanceof MongoServerSelectionError && seeds ? membersToldBy(error, seeds) : []
  if (told.length === 0) return ''
  return `; the replica set reports its members as ${told.join(', ')}: if these names do not resolve here, use directConnection=true`
}
