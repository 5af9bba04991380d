import { roleOf, tablesOf } from '@freshet/postgres-rules'
import type { CollectionPlace } from '@freshet/protocol'
import type { Client } from 'pg'
import { asAdmin } from './admin.ts'
import { PostgresMigrationError } from './errors.ts'
import { syncGrants } from './grants.ts'
import { createObjects } from './objects.ts'
import { syncUsers, type Passwords } from './users.ts'

/** Options of `migratePostgres`. */
export interface PostgresMigrationOptions {
  /** The address of a superuser. Services never have it. */
  readonly uri: string
  readonly database: string
  /** The collections that have a collection file. */
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly passwords: Passwords
  /** Fails before any change if users exist with other passwords. */
  readonly ownUsersOnly?: boolean
  /** Cancels at any point. */
  readonly signal?: AbortSignal
}

/** Result of `migratePostgres`. */
export interface PostgresMigrationResult {
  /** One line for each change; empty if the database was up to date. */
  readonly changes: readonly string[]
  /** Passwords that were provided, or generated for new users. */
  readonly passwords: Passwords
}

/** Of PostgreSQL's names, in bytes. */
const MAX_NAME_BYTES = 63

/** Serializes migrations of one database. Any fixed number. */
const LOCK = 6_113_742_001

/**
 * Creates what writer and readers need in a database: tables of documents, the publication, event triggers, Freshet's own
 * tables, and one user each for readers, the writer and audits. Idempotent; removes nothing. Everything happens in one
 * transaction, except that a missing database is created before it.
 * @throws {PostgresMigrationError}
 */
export async function migratePostgres(options: PostgresMigrationOptions): Promise<PostgresMigrationResult> {
  const { uri, database, collections, passwords: wanted, ownUsersOnly = false, signal } = options
  if (Buffer.byteLength(roleOf('freshet-auditor', database)) > MAX_NAME_BYTES)
    throw new PostgresMigrationError(
      'BAD_NAME',
      `the name of the database is too long for those of its users.`,
    )
  const tables = [...tablesOf(collections).values()]
  return await asAdmin({ uri, database, signal }, async (client, created) => {
    await examine(client)
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [LOCK])
    const { changes: users, passwords } = await syncUsers({
      client,
      uri,
      database,
      wanted,
      ownOnly: ownUsersOnly,
    })
    const objects = await createObjects(client, tables)
    const grants = await syncGrants(client, database, tables)
    await expectNoCreate(
      client,
      database,
      tables.map(({ schema }) => schema),
    )
    await client.query('commit')
    const made = created ? [`database ${database}`] : []
    return { changes: [...made, ...users, ...objects, ...grants], passwords }
  })
}

/** Checks that Freshet supports the server, before anything is created. @throws {PostgresMigrationError} UNSUPPORTED */
async function examine(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int as version, current_setting('wal_level') as wal_level,
       pg_is_in_recovery() as standby, current_setting('server_encoding') as encoding`,
  )
  const { version, wal_level: walLevel, standby, encoding } = rows[0] ?? {}
  const faults: readonly (readonly [boolean, string])[] = [
    [version < 140_000, 'PostgreSQL 14 or newer is required.'],
    [walLevel !== 'logical', `wal_level must be logical, and is ${walLevel}: set it and restart the server.`],
    [standby, 'this is a standby: use the address of the primary.'],
    [encoding !== 'UTF8', `the database must have the encoding UTF8, and has ${encoding}.`],
  ]
  const fault = faults.find(([found]) => found)?.[1]
  if (fault !== undefined) throw new PostgresMigrationError('UNSUPPORTED', fault)
}

/** Before version 15 everyone may create tables in `public`, so readers would refuse their user. */
async function expectNoCreate(client: Client, database: string, schemas: readonly string[]): Promise<void> {
  const { rows } = await client.query(
    `select nspname from pg_namespace where nspname = any($1) and has_schema_privilege($2, oid, 'CREATE')`,
    [['public', ...schemas], roleOf('freshet-reader', database)],
  )
  const open = rows.map(({ nspname }) => String(nspname))
  if (open.length > 0)
    throw new PostgresMigrationError(
      'UNSUPPORTED',
      `everyone may create tables in the schema ${open.join(' and ')}: revoke create on schema ${open.join(', ')} from public.`,
    )
}
