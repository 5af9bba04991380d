import {
  MongoClientClosedError,
  MongoError,
  MongoErrorLabel,
  MongoExpiredSessionError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb'
import type { Position } from '@freshet/protocol'
import { StoreError, type StoreErrorCode } from '../errors.ts'

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
 * InterruptedAtShutdown, InterruptedDueToReplStateChange, NetworkTimeout, HostUnreachable, HostNotFound; and
 * NoSuchTransaction, after `transactionLifetimeLimitSeconds` or a change of primary.
 */
const interrupted: ReadonlySet<unknown> = new Set([50, 262, 91, 189, 11600, 11602, 89, 6, 7, 251])

/**
 * What the document is the reason of: a validator (121), and indexes that cannot hold it: arrays side by side (171), in
 * text indexes (201) or in hashed ones (16766), numbers as names inside arrays (16746), GeoJSON (16755), points (13026,
 * 13027, 13068, 16804), the language of a text (17261, 17262).
 */
const unfit: ReadonlySet<unknown> = new Set([
  121, 171, 201, 13026, 13027, 13068, 16746, 16755, 16766, 16804, 17261, 17262,
])

/**
 * What a collection is the reason of that is no plain one: CommandNotSupportedOnView, OptionNotSupportedOnView (the
 * simple collation), and of time series InvalidOptions and OperationNotSupportedInTransaction.
 */
const ofKind: ReadonlySet<unknown> = new Set([166, 167, 72, 263])

/** What each stage makes of an error after which nobody knows whether the server did as asked. */
const unknownAt: Record<Stage, StoreErrorCode> = {
  write: 'OUTCOME_UNKNOWN',
  transaction: 'UNREACHABLE',
  commit: 'OUTCOME_UNKNOWN',
  confirm: 'UNCONFIRMED',
}

/** What it comes to when something was done and no position is found for it: nobody can be told when it was. */
export async function orUntimed(later: Promise<Position>, stage: Stage): Promise<Position> {
  try {
    return await later
  } catch (cause) {
    throw new StoreError(unknownAt[stage], 'no position could be found for what was done', { cause })
  }
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

/** SnapshotUnavailable: of capped collections always; of others while their definition changes. */
const snapshotUnavailable = 246

const conflicts: ReadonlySet<unknown> = new Set([112, 24, snapshotUnavailable])

/** Whether the kind of the collection may be the reason, although the error alone does not tell. */
export function mayBeOfKind(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  const { code, cause } = error
  return (
    code === 'REJECTED' ||
    (code === 'CONFLICT' && cause instanceof MongoServerError && cause.code === snapshotUnavailable)
  )
}

/** What a refusal by the server comes to, by its code. */
export function refusedBy(code: unknown): StoreErrorCode {
  if (unfit.has(code)) return 'UNFIT'
  return ofKind.has(code) ? 'NOT_EXACT' : 'REJECTED'
}

/** WriteConflict: another transaction has, or had, the document. */
export function isWriteConflict(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 112
}

/** WriteConflict, LockTimeout, SnapshotUnavailable: another transaction has the document, or something is changed. */
export function isConflict(error: unknown): boolean {
  return error instanceof MongoServerError && conflicts.has(error.code)
}

function codeOf(error: MongoError, stage: Stage): StoreErrorCode {
  // The driver sends a commit again by itself and shows only the last error: the first one may have been lost under way.
  if (stage === 'commit' || stage === 'confirm') return unknownAt[stage]
  if (wasNeverSent(error)) return 'UNREACHABLE'
  // It was done here, but perhaps not on a majority.
  if (error instanceof MongoWriteConcernError) return unknownAt[stage]
  if (error instanceof MongoNetworkError) return unknownAt[stage]
  // The client was closed while it waited for a reply, or between two commands of a transaction.
  if (error instanceof MongoClientClosedError) return unknownAt[stage]
  if (error instanceof MongoExpiredSessionError) return unknownAt[stage]
  if (!(error instanceof MongoServerError)) return 'REJECTED'
  if (notBegun.has(error.code)) return 'UNREACHABLE'
  return interrupted.has(error.code) ? unknownAt[stage] : refusedBy(error.code)
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
