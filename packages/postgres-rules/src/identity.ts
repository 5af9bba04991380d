import { parseSourceId, type SourceId } from '@freshet/protocol'
import { createHash } from 'node:crypto'

/** What identifies a history, all in PostgreSQL's text form. */
export interface History {
  readonly systemId: string
  readonly timeline: string
  readonly database: string
}

/**
 * The id of a history: one timeline of one database of one cluster. A fail-over or a restore by recovery begins a new timeline.
 * A copy of the files that starts without recovery keeps all three, so it must not replace the original.
 */
export function sourceIdOf({ systemId, timeline, database }: History): SourceId {
  const text = `postgresql/${systemId}/${timeline}/${database}`
  const id = parseSourceId(createHash('sha256').update(text).digest('hex').slice(0, 8))
  if (id === undefined) throw new TypeError('expected eight hexadecimal digits as a source id')
  return id
}

/** The timeline of a primary, as text. A standby answers with an error. */
export const timelineExpression = `('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint::text`

/** When the server started, which identifies the process: in seconds, since sessions print times as they like. */
export const serverExpression = 'extract(epoch from pg_postmaster_start_time())::text'

/**
 * The system id, the timeline and the database of a primary, as columns of a select list: the same values as those of
 * `IDENTIFY_SYSTEM`, without a replication connection. A standby answers with an error.
 */
export const historyColumns = `(select system_identifier::text from pg_control_system()),
  ${timelineExpression}, current_database()::text`
