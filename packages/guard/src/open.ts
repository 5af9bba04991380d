import type { Log } from '@freshet/kit'
import { proveVeto } from './canary.ts'
import { vetoingClient } from './client.ts'
import type { ReadConnection } from './contract.ts'
import { DriverReadConnection } from './read-connection.ts'
import type { Refusal } from './refusals.ts'

/** What {@link openReadConnection} needs; everything but the last four has no default on purpose. */
export interface OpenOptions {
  /** The address with the reader's credentials. Must reach the primary: a replica set, or `directConnection`. */
  readonly uri: string
  /** The database that commands go to. */
  readonly database: string
  /** Other databases that may be read through this client, besides `database`; for `from`-less commands only. */
  readonly otherDatabases?: readonly string[]
  /** Shown in the server's log and `currentOp`. */
  readonly appName: string
  readonly log: Log
  /** Time between two looks at the replica set's state; 500 notices a step-down soonest, and is the default. */
  readonly heartbeatFrequencyMs?: number
  /** Connections at once; one is held by a change stream while it waits. Default 20. */
  readonly maxPoolSize?: number
  /** The longest wait for a primary: at the start, and later by each command. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
  /** Hears of every refusal, after it was counted and logged. Must not throw. */
  readonly onRefusal?: (refusal: Refusal) => void
}

/**
 * Opens the only door to a database for whoever reads: connects, proves by a canary that writes are stopped here.
 * @throws {GuardError} UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING; nothing is left open then.
 */
export async function openReadConnection(options: OpenOptions): Promise<ReadConnection> {
  const { client, refusals } = vetoingClient({
    uri: options.uri,
    databases: new Set([options.database, ...(options.otherDatabases ?? [])]),
    appName: options.appName,
    heartbeatFrequencyMs: options.heartbeatFrequencyMs ?? 500,
    maxPoolSize: options.maxPoolSize ?? 20,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    log: options.log,
    onRefusal: options.onRefusal,
  })
  try {
    await client.connect()
    await proveVeto(client, options.database, refusals)
    return new DriverReadConnection(client, options.database, refusals)
  } catch (error) {
    await client.close()
    throw error
  }
}
