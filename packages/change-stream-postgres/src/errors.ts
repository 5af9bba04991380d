import { ChangeStreamError, type ChangeStreamErrorCode } from '@freshet/change-stream'
import { PoolerError, PrimaryError } from '@freshet/postgres-client'

/** SQLSTATEs with a meaning of their own. All other errors are a broken connection, which is retried. */
const codes: Readonly<Record<string, readonly [ChangeStreamErrorCode, remedy?: string]>> = {
  '28000': ['DENIED', 'Check the user, its right to log in and its REPLICATION attribute.'],
  '28P01': ['DENIED', 'Check the password of the user.'],
  '42501': [
    'DENIED',
    'Grant the user SELECT on the table, USAGE on its schema, EXECUTE on functions of the server that the message names, and the attributes REPLICATION and, for row-level security, BYPASSRLS.',
  ],
  '42704': [
    'UNSUPPORTED',
    'Create what is missing: see the set-up in the README of @freshet/change-stream-postgres.',
  ],
  '3D000': ['UNSUPPORTED', 'Check the name of the database.'],
  '53400': [
    'DISCONNECTED',
    'Raise max_replication_slots and max_wal_senders: each reader needs one of each.',
  ],
  '53300': ['DISCONNECTED', 'Raise max_connections and max_wal_senders.'],
  '55000': ['UNSUPPORTED', 'Set wal_level = logical and restart the server.'],
}

/** The code of a PostgreSQL error: five characters. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined
}

/** @param purpose completes "could not …". */
export function changeStreamErrorOf(cause: unknown, purpose: string): ChangeStreamError {
  if (cause instanceof ChangeStreamError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof PoolerError)
    return new ChangeStreamError('UNSUPPORTED', `could not ${purpose}: ${message}`, {
      cause,
      remedy: 'Connect to the server, not to a pooler.',
    })
  const [code, remedy] = codes[sqlStateOf(cause) ?? ''] ?? ['DISCONNECTED', remedyOf(cause)]
  return new ChangeStreamError(code, `could not ${purpose}: ${message}`, { cause, remedy })
}

/** A standby may be promoted, or the address may soon lead to the primary. Until then, the state so far may be served. */
const remedyOf = (cause: unknown): string | undefined =>
  cause instanceof PrimaryError ? 'Promote the standby, or let the address lead to the primary.' : undefined
