import { connectorFor, type Connector, type Settings } from '@freshet/postgres-client'
import type { Field } from '@freshet/postgres-rules'
import type { Client, ClientConfig, Pool } from 'pg'
import { changeStreamErrorOf } from './errors.ts'

export interface SessionOptions {
  /** The connection string of a user who can only read, with the attribute REPLICATION. */
  readonly uri: string
  readonly appName: string
  /** The time limit of connecting and of one statement, in milliseconds. */
  readonly withinMs: number
}

/** The sessions of one address, which lead to the same server. */
export interface OpenSessions extends Omit<SessionOptions, 'uri'> {
  readonly connector: Connector
}

/** @throws {TypeError} the address is not valid. */
export function sessionsAt({ uri, appName, withinMs }: SessionOptions): OpenSessions {
  return { connector: connectorFor(uri, withinMs), appName, withinMs }
}

/** Settings that decide how values are printed: the same for the feed and for reads, whatever the server's defaults. */
const format: Readonly<Record<string, string>> = {
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  search_path: 'pg_catalog',
}

/**
 * Nothing can be written. `synchronous_commit`: a message that only moves the log on must not wait for a standby.
 */
const readOnly: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'on',
  // By another default, a statement that only reads may wait for all transactions that write.
  default_transaction_isolation: String.raw`read\ committed`,
  default_transaction_deferrable: 'off',
  synchronous_commit: 'local',
  idle_in_transaction_session_timeout: '60s',
}

/** A policy that hides rows from the user makes a read fail: they are in the feed, and must not be taken for deleted. */
const allRows: Readonly<Record<string, string>> = { row_security: 'off' }

function configOf(appName: string, more: Readonly<Record<string, string>> = {}): Settings<ClientConfig> {
  const all = { ...format, ...readOnly, ...more }
  const settings = Object.entries(all).map(([name, value]) => `-c ${name}=${value}`)
  return {
    application_name: appName,
    client_encoding: 'UTF8',
    keepAlive: true,
    options: settings.join(' '),
  }
}

/** Connects for replication. @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED */
export function connectForReplication(options: OpenSessions): Promise<Client> {
  // The types of pg omit it.
  return openClient(options, { replication: 'database' })
}

/** Connects. @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED */
export async function openClient({ connector, appName }: OpenSessions, more: object = {}): Promise<Client> {
  const client = connector.client({ ...configOf(appName), ...more })
  // An error also fails the running statement, or the next one.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    client.end().catch(() => undefined)
    throw changeStreamErrorOf(error, 'connect')
  }
}

/** Statements that a session may send: reads, and the message that moves the log on. The server refuses writes anyway. */
const allowed = /^\s*(?:select|with)\s/i

const asText = { getTypeParser: () => (value: string) => value }

/** Connections for statements that only read, opened when they are needed. */
export class Sessions {
  readonly #pool: Pool

  constructor({ connector, appName, withinMs, max }: OpenSessions & { readonly max: number }) {
    this.#pool = connector.pool({
      ...configOf(appName, allRows),
      query_timeout: withinMs,
      max,
      idleTimeoutMillis: 60_000,
    })
    // A broken idle connection is removed from the pool.
    this.#pool.on('error', () => undefined)
  }

  /** Runs one statement. All values are text. @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED */
  async query(statement: string, values: readonly unknown[] = []): Promise<readonly (readonly Field[])[]> {
    if (!allowed.test(statement)) throw new TypeError(`expected a statement that reads, got: ${statement}`)
    try {
      // A connection whose statement failed in any way is removed from the pool, so none is left running behind another.
      const { rows } = await this.#pool.query<Field[], unknown[]>({
        text: statement,
        values: [...values],
        rowMode: 'array',
        types: asText,
      })
      return rows
    } catch (error) {
      throw changeStreamErrorOf(error, 'read from the database')
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end()
  }
}
