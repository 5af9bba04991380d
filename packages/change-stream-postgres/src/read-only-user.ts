import { ChangeStreamError } from '@freshet/change-stream'
import { quoted, type Query, type Table } from '@freshet/postgres-rules'
import type { Client } from 'pg'
import { changeStreamErrorOf, sqlStateOf } from './errors.ts'
import { openClient, type OpenSessions } from './session.ts'

/** What is known of the user who reads. `layers`: see `SPEC.md`. */
export interface ReadOnlyStatus {
  readonly user: string | undefined
  readonly layers: Readonly<Record<'statements' | 'role' | 'canary', 'standing' | 'absent'>>
  /** Why the user is refused, as far as that was the result of the latest check. */
  readonly fault: string | undefined
}

export interface ReadOnlyUserParts {
  readonly query: Query
  readonly session: OpenSessions
  readonly tables: ReadonlyMap<string, Table>
}

/** Proves that the user cannot write. */
export class ReadOnlyUser {
  readonly #parts: ReadOnlyUserParts
  #user: string | undefined
  #role: 'standing' | 'absent' = 'absent'
  #canary: 'standing' | 'absent' = 'absent'
  #fault: string | undefined

  constructor(parts: ReadOnlyUserParts) {
    this.#parts = parts
  }

  status(): ReadOnlyStatus {
    const layers = { statements: 'standing', role: this.#role, canary: this.#canary } as const
    return { user: this.#user, layers, fault: this.#fault }
  }

  /**
   * Looks for every right to write, and has the server refuse an insert.
   * @throws {ChangeStreamError} UNSUPPORTED: the user may write; DISCONNECTED, DENIED
   */
  async prove(): Promise<void> {
    const rows = await this.#parts.query(rightsQuery)
    this.#user = rows[0]?.[0] ?? undefined
    const rights = rows.flatMap(([, right]) => (typeof right === 'string' ? [right] : []))
    const refused = rights.length > 0 ? false : await this.#tryInsert()
    this.#role = rights.length > 0 ? 'absent' : 'standing'
    this.#canary = refused === true ? 'standing' : 'absent'
    if (refused === false && rights.length === 0) rights.push('the server accepted an insert')
    this.#fault =
      rights.length > 0 ? `the user ${String(this.#user)} may write: ${rights.join('; ')}` : undefined
    if (this.#fault !== undefined)
      throw new ChangeStreamError('UNSUPPORTED', this.#fault, {
        remedy: 'Use a user with LOGIN, REPLICATION and SELECT only, and default_transaction_read_only = on.',
      })
  }

  /** Whether the server refused an insert of no rows in a transaction that may write; `undefined` without a table. */
  async #tryInsert(): Promise<boolean | undefined> {
    const client = await openClient(this.#parts.session)
    try {
      for (const table of this.#parts.tables.values()) {
        const { sqlState } = await tryInsert(client, table)
        if (sqlState === undefined) return false
        if (sqlState === INSUFFICIENT_PRIVILEGE) return true
        // Without such a table, or with columns that cannot be written, the outcome proves nothing.
      }
      return undefined
    } catch (error) {
      throw changeStreamErrorOf(error, 'have an insert refused')
    } finally {
      client.end().catch(() => undefined)
    }
  }
}

/** The outcome of a write that the server should refuse. */
export interface Attempt {
  readonly table: string
  /** `undefined` if it was accepted. */
  readonly sqlState: string | undefined
  /** What the server said. */
  readonly message: string
}

/** Tries to insert no rows, in a transaction that may write. */
export async function tryInsert(
  client: Client,
  { schema, name }: Pick<Table, 'schema' | 'name'>,
): Promise<Attempt> {
  const table = `${quoted(schema)}.${quoted(name)}`
  await client.query('begin read write')
  const attempt = await client.query(`insert into ${table} select * from ${table} where false`).then(
    () => ({ table, sqlState: undefined, message: 'accepted' }),
    (error: unknown) => {
      const sqlState = sqlStateOf(error)
      if (sqlState === undefined) throw error
      return { table, sqlState, message: error instanceof Error ? error.message : '' }
    },
  )
  await client.query('rollback')
  return attempt
}

const INSUFFICIENT_PRIVILEGE = '42501'

/** Roles of the server that only read. Membership in any other one is refused. */
const readingRoles = `('pg_read_all_data', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_monitor', 'pg_stat_scan_tables')`

/**
 * One row for each right to write, or a single one without a right. Rights count if the user has them, or can take them on as a
 * member of another role. Owners have all rights. At most 5 of a kind.
 */
export const rightsQuery = `
with roles as (select oid, rolname, rolsuper, rolcreaterole, rolcreatedb from pg_roles
    where pg_has_role(session_user, oid, 'MEMBER')),
  me as (select * from pg_roles where rolname = session_user),
  schemas as (select oid, nspname from pg_namespace
    where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'),
  rights as (
    (select 'it is a superuser' as right from me where rolsuper)
    union all (select distinct 'it may create roles' from roles where rolcreaterole)
    union all (select distinct 'it may create databases' from roles where rolcreatedb)
    union all (select 'it is a member of ' || rolname from roles
      where rolname like 'pg\\_%' and rolname not in ${readingRoles} limit 5)
    union all (select 'it may create in the database ' || current_database()
      where has_database_privilege(session_user, current_database(), 'CREATE'))
    union all (select distinct 'it may create in the schema ' || nspname from schemas, roles r
      where has_schema_privilege(r.oid, schemas.oid, 'CREATE') limit 5)
    union all (select distinct 'it may write to ' || nspname || '.' || relname
      from pg_class c join schemas on schemas.oid = c.relnamespace, roles r
      where relkind in ('r', 'p', 'v', 'm', 'f')
        and (has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
          or has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')) limit 5)
    union all (select distinct 'it may change the sequence ' || nspname || '.' || relname
      from pg_class c join schemas on schemas.oid = c.relnamespace, roles r
      where relkind = 'S' and has_sequence_privilege(r.oid, c.oid, 'USAGE, UPDATE') limit 5)
    union all (select distinct 'it may call ' || p.oid::regprocedure || ', which has the rights of its owner'
      from pg_proc p join schemas on schemas.oid = p.pronamespace, roles r
      where prosecdef and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        and has_function_privilege(r.oid, p.oid, 'EXECUTE') limit 5)
    union all (select 'its transactions may write by default' from me where not exists (select from pg_db_role_setting s
      where s.setrole = me.oid and 'default_transaction_read_only=on' = any(s.setconfig))))
select session_user, rights.right from (select 1) one left join rights
  on rights.right = 'it is a superuser' or not exists (select from me where rolsuper)`
