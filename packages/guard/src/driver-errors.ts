// G3.6 fails without this file: a wrong password is an error without a code.
import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { membersToldBy, refusalOf } from '@freshet/mongodb-rules'
import { GuardError } from './errors.ts'

/** What went wrong while opening, as one of our codes where we know it; anything else is passed on as it is. */
export function guardErrorOf(error: unknown, seeds: readonly string[] | undefined): unknown {
  if (error instanceof MongoServerError && refusalOf(error) === 'stranger') {
    return new GuardError('NOT_AUTHENTICATED', 'the server knows no such user with this password', {
      cause: error,
    })
  }
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) {
    return new GuardError('UNREACHABLE', error.message + hintFor(error, seeds), { cause: error })
  }
  return error
}

/** A server answered, and named others that cannot be reached by these names. */
function hintFor(error: Error, seeds: readonly string[] | undefined): string {
  const told = error instanceof MongoServerSelectionError && seeds ? membersToldBy(error, seeds) : []
  if (told.length === 0) return ''
  return `; the replica set says that it is at ${told.join(', ')}: where these names are unknown, the address needs directConnection=true`
}
