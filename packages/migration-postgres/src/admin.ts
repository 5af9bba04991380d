import { connectorFor } from '@freshet/postgres-client'
import { addressFault, addressWith, partsOfAddress, quoted, type AddressParts } from '@freshet/postgres-rules'
import type { Client } from 'pg'
import { migrationErrorOf, PostgresMigrationError } from './errors.ts'

/** How long to wait for the server. A running one answers at once, and someone is waiting. */
const connectWithinMs = 5_000

/** A statement waits for locks of other sessions at most this long. */
const lockWithinMs = 30_000

const UNKNOWN_DATABASE = '3D000'

export interface Credentials {
  readonly user: string
  readonly password: string
  readonly database: string
}

/** The same servers and options with this user, password and database. @throws {PostgresMigrationError} BAD_ADDRESS */
export function withCredentials(uri: string, credentials: Credentials): string {
  return addressWith(uri, credentials) ?? refuse(uri)
}

/** The user and password in an address; empty if it has none. @throws {PostgresMigrationError} BAD_ADDRESS */
export function credentialsOf(uri: string): Pick<Credentials, 'user' | 'password'> {
  const { user, password } = partsOfAddress(uri) ?? refuse(uri)
  return { user, password }
}

/** Without the address, which may contain a password. */
function refuse(uri: string): never {
  throw new PostgresMigrationError('BAD_ADDRESS', `the address is not valid: ${String(addressFault(uri))}.`)
}

/**
 * Connects to a database. The caller ends the connection. Rejects with errors of the driver.
 * @throws {PostgresMigrationError} BAD_ADDRESS
 */
async function connect(uri: string, parts: AddressParts): Promise<Client> {
  const address = addressWith(uri, parts) ?? refuse(uri)
  const client = connectorFor(address, connectWithinMs).client({
    application_name: 'freshet migrate',
    options: `-c lock_timeout=${lockWithinMs} -c search_path=pg_catalog -c default_transaction_read_only=off`,
  })
  // An error also fails the running statement, or the next one.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    client.end().catch(() => undefined)
    throw error
  }
}

/** Whether a user can log in. */
export async function canLogIn(uri: string, credentials: Credentials): Promise<boolean> {
  try {
    const client = await connect(uri, credentials)
    await client.end()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('28')) return false
    throw migrationErrorOf(error)
  }
}

/**
 * Connects to a database as administrator, and creates it first if it does not exist. Always closes the connection. When
 * `signal` aborts, the connection is closed at once and the promise rejects with the signal's reason.
 * @throws {PostgresMigrationError} also when the server refuses a statement
 */
export async function asAdmin<T>(
  {
    uri,
    database,
    signal,
  }: { readonly uri: string; readonly database: string; readonly signal?: AbortSignal | undefined },
  work: (client: Client, created: boolean) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  let client: Client | undefined
  const stop = (): void => void client?.end().catch(() => undefined)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    let created = false
    try {
      client = await connect(uri, { database })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === UNKNOWN_DATABASE)) throw error
      await createDatabase(uri, database)
      created = true
      client = await connect(uri, { database })
    }
    signal?.throwIfAborted()
    return await work(client, created)
  } catch (error) {
    signal?.throwIfAborted()
    throw migrationErrorOf(error)
  } finally {
    signal?.removeEventListener('abort', stop)
    await client?.end()
  }
}

/** By a connection to the database of the address, or to the one that every server has. */
async function createDatabase(uri: string, database: string): Promise<void> {
  const client = await connect(uri, { database: partsOfAddress(uri)?.database || 'postgres' })
  try {
    await client.query(`create database ${quoted(database)} encoding 'UTF8' template template0`)
  } finally {
    await client.end()
  }
}
