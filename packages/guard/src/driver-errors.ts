import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { GuardError } from './errors.ts'

/** AuthenticationFailed, and what Atlas answers instead; https://www.mongodb.com/docs/manual/reference/error-codes/ */
const authenticationCodes: ReadonlySet<unknown> = new Set([18, 8000])

/** What went wrong while opening, as one of our codes where we know it; anything else is passed on as it is. */
export function guardErrorOf(error: unknown): unknown {
  if (error instanceof MongoServerError && authenticationCodes.has(error.code)) {
    return new GuardError('NOT_AUTHENTICATED', 'the server knows no such user with this password', {
      cause: error,
    })
  }
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) {
    return new GuardError('UNREACHABLE', error.message, { cause: error })
  }
  return error
}
