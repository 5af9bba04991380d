import { DatabaseError } from 'pg'
import { StoreError, type StoreErrorCode } from '../errors.ts'

/** The stage of the work in which an error occurred. */
export type Stage =
  /** A single statement that writes and commits. */
  | 'write'
  /** A statement of a transaction before its commit. Nothing is written, whatever happens. */
  | 'transaction'
  /** The commit of a transaction that wrote, or what follows a write on its connection. */
  | 'commit'
  /** A commit that only makes sure that what was read is durable. */
  | 'confirm'

/** The code for each stage when it is unknown whether the server did the work. */
const unknownAt: Record<Stage, StoreErrorCode> = {
  write: 'OUTCOME_UNKNOWN',
  transaction: 'UNREACHABLE',
  commit: 'OUTCOME_UNKNOWN',
  confirm: 'UNCONFIRMED',
}

/**
 * The meaning of SQLSTATEs, or of their classes: the first two characters.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const codes: Readonly<Record<string, StoreErrorCode>> = {
  // Of the document: a constraint, a value that an index cannot hold, an exception that a trigger raises.
  '23505': 'NOT_UNIQUE',
  '22': 'UNFIT',
  '23': 'UNFIT',
  '54': 'UNFIT',
  P0: 'UNFIT',
  // Of other transactions: serialization, deadlock, a lock that was not released in time.
  '40': 'CONFLICT',
  '55P03': 'CONFLICT',
  // Of the table: missing, of another kind, with other columns, or without the key that `on conflict` needs.
  '42P01': 'NOT_EXACT',
  '42P10': 'NOT_EXACT',
  '42703': 'NOT_EXACT',
  '42804': 'NOT_EXACT',
  '42809': 'NOT_EXACT',
  '3F000': 'NOT_EXACT',
  // Of the server: read-only because it is a standby, resources such as disk space, shut-down, a statement that took too long.
  '25006': 'UNREACHABLE',
  '53': 'UNREACHABLE',
  '55': 'UNREACHABLE',
  '57': 'UNREACHABLE',
  '58': 'UNREACHABLE',
  XX: 'UNREACHABLE',
}

/** The SQLSTATE of an error that the server sent. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined
}

/** Whether the connection is lost, so that the next one may lead to another server. */
export function isBroken(error: unknown): boolean {
  return !(error instanceof DatabaseError) || endsSession(error)
}

/** FATAL and PANIC end the session, at any point of the work. ERROR undoes it. */
function endsSession({ severity }: DatabaseError): boolean {
  return severity !== 'ERROR'
}

/** Maps an error of the driver to a {@link StoreError}. */
export function storeErrorOf(cause: unknown, stage: Stage): StoreError {
  if (cause instanceof StoreError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new StoreError(codeOf(cause, stage), message, { cause })
}

function codeOf(error: unknown, stage: Stage): StoreErrorCode {
  // Something else than a reply, such as a lost connection.
  if (!(error instanceof DatabaseError) || endsSession(error)) return unknownAt[stage]
  if (stage === 'confirm') return 'UNCONFIRMED'
  const { code = '' } = error
  return codes[code] ?? codes[code.slice(0, 2)] ?? 'REJECTED'
}

/** Whether the transaction wrote nothing and may be retried. Waiting for a lock has taken its time already. */
export function isTransient(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('40') === true
}

/** Whether the kind of the table may be the cause, although the error does not say so. */
export function mayBeOfKind(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'REJECTED' || error.code === 'UNFIT')
}
