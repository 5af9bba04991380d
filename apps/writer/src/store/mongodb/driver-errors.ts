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

/** The stage of the work in which an error occurred. */
export type Stage =
  /** A single command that writes. */
  | 'write'
  /** A command of a transaction before its commit. Nothing is written, whatever happens. */
  | 'transaction'
  /** The commit of a transaction that wrote. */
  | 'commit'
  /** Waiting for a majority after an operation that wrote nothing. */
  | 'confirm'

/** Errors of the driver's pool, which it does not export. No connection was available, so nothing was sent. */
const poolErrors: ReadonlySet<string> = new Set([
  'MongoPoolClosedError',
  'MongoPoolClearedError',
  'MongoWaitQueueTimeoutError',
])

/**
 * NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary (13436), LegacyNotPrimary: the server checks its
 * state before it runs the command.
 * https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const notPrimaryCodes: ReadonlySet<unknown> = new Set([10107, 13435, 13436, 10058])

/**
 * The command was interrupted at an unknown point: MaxTimeMSExpired, ExceededTimeLimit, ShutdownInProgress,
 * PrimarySteppedDown, InterruptedAtShutdown, InterruptedDueToReplStateChange, NetworkTimeout, HostUnreachable,
 * HostNotFound; and NoSuchTransaction, after `transactionLifetimeLimitSeconds` or a change of primary.
 */
const interrupted: ReadonlySet<unknown> = new Set([50, 262, 91, 189, 11600, 11602, 89, 6, 7, 251])

/**
 * Caused by the document: a validator (121), or an index that cannot contain it: parallel arrays (171), text indexes
 * (201), hashed indexes (16766), numeric names inside arrays (16746), GeoJSON (16755), points (13026, 13027, 13068,
 * 16804), the language of a text (17261, 17262).
 */
const documentCodes: ReadonlySet<unknown> = new Set([
  121, 171, 201, 13026, 13027, 13068, 16746, 16755, 16766, 16804, 17261, 17262,
])

/**
 * Caused by the collection's kind: CommandNotSupportedOnView, OptionNotSupportedOnView (the simple collation), and for
 * time series InvalidOptions and OperationNotSupportedInTransaction.
 */
const collectionKindCodes: ReadonlySet<unknown> = new Set([166, 167, 72, 263])

/** The code for each stage when it is unknown whether the server did the work. */
const unknownAt: Record<Stage, StoreErrorCode> = {
  write: 'OUTCOME_UNKNOWN',
  transaction: 'UNREACHABLE',
  commit: 'OUTCOME_UNKNOWN',
  confirm: 'UNCONFIRMED',
}

/** Maps a failure to find the position of completed work: the client cannot learn when it happened. */
export function untimed(cause: unknown, stage: Stage): StoreError {
  return new StoreError(unknownAt[stage], 'no position could be determined for completed work', { cause })
}

/** The position, or the failure to find it as {@link untimed}. */
export async function orUntimed(latestPosition: Promise<Position>, stage: Stage): Promise<Position> {
  try {
    return await latestPosition
  } catch (cause) {
    throw untimed(cause, stage)
  }
}

/** Maps a driver error to a {@link StoreError}. Other errors are returned unchanged. */
export function storeErrorOf(error: unknown, stage: Stage): unknown {
  if (!(error instanceof MongoError)) return error
  return new StoreError(codeOf(error, stage), error.message, { cause: error })
}

/**
 * Whether the transaction wrote nothing and may be retried: the server labels such errors, and so does the driver when
 * a connection is lost before the commit is sent.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof MongoError && error.hasErrorLabel(MongoErrorLabel.TransientTransactionError)
}

/** A write concern timeout for a statement that was rejected or matched nothing. */
export function wroteNothing(error: unknown): boolean {
  return error instanceof MongoWriteConcernError && error.result['n'] === 0
}

/** Whether the server refused because it is not the primary. */
export function isNotPrimary(error: unknown): boolean {
  return error instanceof MongoServerError && notPrimaryCodes.has(error.code)
}

/** MaxTimeMSExpired: the command took longer than its own limit. */
export function isOverTime(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 50
}

/** SnapshotUnavailable: always for capped collections; for others while their definition changes. */
const snapshotUnavailable = 246

const conflicts: ReadonlySet<unknown> = new Set([112, 24, snapshotUnavailable])

/** Whether the collection's kind may be the cause, although the error does not say so. */
export function mayBeOfKind(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  const { code, cause } = error
  return (
    code === 'REJECTED' ||
    (code === 'CONFLICT' && cause instanceof MongoServerError && cause.code === snapshotUnavailable)
  )
}

/** The store error for a server error code. */
export function refusedBy(code: unknown): StoreErrorCode {
  if (documentCodes.has(code)) return 'UNFIT'
  return collectionKindCodes.has(code) ? 'NOT_EXACT' : 'REJECTED'
}

/** WriteConflict: another transaction modified the document. */
export function isWriteConflict(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 112
}

/**
 * WriteConflict, LockTimeout, SnapshotUnavailable: another transaction modified the document, or a definition is
 * changing.
 */
export function isConflict(error: unknown): boolean {
  return error instanceof MongoServerError && conflicts.has(error.code)
}

function codeOf(error: MongoError, stage: Stage): StoreErrorCode {
  // The driver retries a commit and reports only the last error; an earlier attempt may have succeeded.
  if (stage === 'commit' || stage === 'confirm') return unknownAt[stage]
  if (wasNeverSent(error)) return 'UNREACHABLE'
  // Applied here, but perhaps not on a majority.
  if (error instanceof MongoWriteConcernError) return unknownAt[stage]
  if (error instanceof MongoNetworkError) return unknownAt[stage]
  // The client was closed while waiting for a reply or between two commands of a transaction.
  if (error instanceof MongoClientClosedError) return unknownAt[stage]
  if (error instanceof MongoExpiredSessionError) return unknownAt[stage]
  if (!(error instanceof MongoServerError)) return 'REJECTED'
  if (isNotPrimary(error)) return 'UNREACHABLE'
  return interrupted.has(error.code) ? unknownAt[stage] : refusedBy(error.code)
}

/** Connecting, handshake and login precede the command. So does a rejection due to overload. */
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
