// G3.6 fails without this file: a wrong password is an error without a code.
import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { membersToldBy, refusalOf } from '@freshet/mongodb-rules'
import { GuardError } from './errors.ts'

/** Maps an error during opening to a GuardError if known; other errors are returned unchanged. */
export function guardErrorOf(error: unknown, seeds: readonly string[] | undefined): unknown {
  if (error instanceof MongoServerError && refusalOf(error) === 'stranger') {
    return new GuardError('NOT_AUTHENTICATED', 'unknown user or wrong password', {
      cause: error,
    })
  }
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) {
    return new GuardError('UNREACHABLE', error.message + hintFor(error, seeds), { cause: error })
  }
  return error
}

/** For when a server replied but reported members that cannot be reached by their names. */
function hintFor(error: Error, seeds: readonly string[] | undefined): string {
  const told = error instanceof MongoServerSelectionError && seeds ? membersToldBy(error, seeds) : []
  if (told.length === 0) return ''
  return `; the replica set reports its members as ${told.join(', ')}: if these names do not resolve here, use directConnection=true`
}
