import {
  MongoError,
  MongoErrorLabel,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb'
import { StoreError, type StoreErrorCode } from './errors.ts'

/** How far the work had got when an error came. */
export type Stage =
  /** One command that writes and is durable by itself. */
  | 'write'
  /** A command of a transaction before its commit: whatever became of it, nothing is written. */
  | 'transaction'
  /** The commit of a transaction that wrote. */
  | 'commit'
  /** The wait for a majority after something that wrote nothing. */
  | 'confirm'

/** Errors of the driver's pool, which it does not export: no connection was had, so nothing was sent on it. */
const poolErrors: ReadonlySet<string> = new Set([
  'MongoPoolClosedError',
  'MongoPoolClearedError',
  'MongoWaitQueueTimeoutError',
])

/**
 * NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary (13436), LegacyNotPrimary: the server looked at
 * its own state before the command. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const notBegun: ReadonlySet<unknown> = new Set([10107, 13435, 13436, 10058])

/**
 * The command ended somewhere on its way: MaxTimeMSExpired, ExceededTimeLimit, ShutdownInProgress, PrimarySteppedDown,
 * InterruptedAtShutdown, InterruptedDueToReplStateChange, NetworkTimeout, HostUnreachable, HostNotFound.
 */
const interrupted: ReadonlySet<unknown> = new Set([50, 262, 91, 189, 11600, 11602, 89, 6, 7])

/** What each stage makes of an error after which nobody knows whether the server did as asked. */
const unknownAt: Record<Stage, StoreErrorCode> = {
  write: 'OUTCOME_UNKNOWN',
  transaction: 'UNREACHABLE',
  commit: 'OUTCOME_UNKNOWN',
  confirm: 'UNCONFIRMED',
}

/** Turns what the driver throws into one of our codes; what is no error of the driver comes back as it is. */
export function storeErrorOf(error: unknown, stage: Stage): unknown {
  if (!(error instanceof MongoError)) return error
  return new StoreError(codeOf(error, stage), error.message, { cause: error })
}

/**
 * A transaction that ended with this wrote nothing and may be tried again: the server says so, and the driver for a
 * connection that was lost before the commit was sent.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof MongoError && error.hasErrorLabel(MongoErrorLabel.TransientTransactionError)
}

/** A majority was not heard of in time, but the statement had been refused or had found nothing anyway. */
export function wroteNothing(error: unknown): boolean {
  return error instanceof MongoWriteConcernError && error.result['n'] === 0
}

/** WriteConflict and LockTimeout: another transaction has the document. */
export function isConflict(error: unknown): boolean {
  return error instanceof MongoServerError && (error.code === 112 || error.code === 24)
}

function codeOf(error: MongoError, stage: Stage): StoreErrorCode {
  // The driver sends a commit again by itself and shows only the last error: the first one may have been lost under way.
  if (stage === 'commit' || stage === 'confirm') return unknownAt[stage]
  if (wasNeverSent(error)) return 'UNREACHABLE'
  // It was done here, but perhaps not on a majority.
  if (error instanceof MongoWriteConcernError) return unknownAt[stage]
  if (error instanceof MongoNetworkError) return unknownAt[stage]
  if (!(error instanceof MongoServerError)) return 'REJECTED'
  if (notBegun.has(error.code)) return 'UNREACHABLE'
  return interrupted.has(error.code) ? unknownAt[stage] : 'REJECTED'
}

/** Connecting, greeting and logging in come before the command; so does a refusal for too much work. */
function wasNeverSent(error: MongoError): boolean {
  return (
    error instanceof MongoServerSelectionError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoTopologyClosedError ||
    poolErrors.has(error.name) ||
    error.hasErrorLabel(MongoErrorLabel.HandshakeError) ||
    error.hasErrorLabel(MongoErrorLabel.SystemOverloadedError)
  )
}
