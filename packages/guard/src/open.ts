// G3.6 fails without this file: an invalid address is a driver error.
import { Backoff, Renewal, systemClock, type Log } from '@freshet/kit'
import { messagesDatabase } from '@freshet/mongodb-rules'
import { vetoingClient } from './client.ts'
import type { VetoingClient } from './client.ts'
import type { GuardedConnection } from './contract.ts'
import { GuardError } from './errors.ts'
import { GuardedClient, type VerifyOptions } from './guarded-client.ts'
import { probeDatabase } from './preflight.ts'
import { DriverReadConnection } from './read-connection.ts'
import { Refusals, type Refusal } from './refusals.ts'

const defaultConnectTimeoutMs = 5_000

/** Options of {@link openReadConnection}. Those without a default are required. */
export interface OpenOptions {
  /** The address with the reader's credentials. Must reach the primary: a replica set, or `directConnection`. */
  readonly uri: string
  /** The database that commands are sent to. */
  readonly database: string
  /**
   * Other databases that the user may read too, though not by this connection. Default: the database of messages that
   * belongs to `database`, since a reader's user may answer with their history.
   */
  readonly alsoReads?: readonly string[]
  /** Shown in the server's log and `currentOp`. */
  readonly appName: string
  readonly log: Log
  /** Interval between checks of the replica set. A server reports changes at once. Default 10,000 ms, as in the driver. */
  readonly heartbeatFrequencyMs?: number
  /** `optional` accepts a server without access control, with a warning. For development only. Default `required`. */
  readonly accessControl?: 'required' | 'optional'
  /** Maximum connections. A waiting change stream occupies one. Default 20. */
  readonly maxPoolSize?: number
  /** Longest wait for a primary, at startup and for each later command. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
  /** Called for every refusal after it was counted and logged. Must not throw. */
  readonly onRefusal?: (refusal: Refusal) => void
}

/** Pauses between attempts to recreate a client. Each attempt waits for a primary itself. */
const renewalPauses = Object.freeze({ firstMs: 100, maxMs: 1_000 })

/**
 * Opens a read-only connection. Verifies by a canary that the veto stops writes, and by asking the server that the role
 * would too. Costs four round trips, once. A client that may never find its servers again is recreated and verified in
 * the same way before use. Leaves nothing open on failure; the error's `exitCode` is for the process.
 * @throws {GuardError} BAD_ADDRESS, UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING, PRIVILEGE, NO_ACCESS_CONTROL
 */
export async function openReadConnection(options: OpenOptions): Promise<GuardedConnection> {
  const { log, database } = options
  const refusals = new Refusals(log, options.onRefusal)
  const look: VerifyOptions = {
    database,
    alsoReads: alsoReadsOf(options),
    accessControl: options.accessControl ?? 'required',
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    clock: systemClock,
    log,
  }
  const make = (): Promise<GuardedClient> =>
    GuardedClient.open(clientFor(options, refusals).client, refusals, look)
  const clients = new Renewal(await make(), {
    name: `the client of ${options.appName}`,
    create: make,
    dispose: (client) => client.close(),
    clock: systemClock,
    backoff: new Backoff(renewalPauses, Math.random),
    log,
  })
  return new DriverReadConnection(clients, database, refusals)
}

/** The other databases that the user may read. */
export function alsoReadsOf({ database, alsoReads }: OpenOptions): readonly string[] {
  return alsoReads ?? [messagesDatabase(database)]
}

/** Creates the client without connecting. @throws {GuardError} BAD_ADDRESS, VETO_MISSING */
export function clientFor(options: OpenOptions, refusals?: Refusals): VetoingClient {
  const clientOptions = {
    uri: options.uri,
    databases: new Set([options.database, probeDatabase]),
    appName: options.appName,
    heartbeatFrequencyMs: options.heartbeatFrequencyMs ?? 10_000,
    maxPoolSize: options.maxPoolSize ?? 20,
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    log: options.log,
    onRefusal: options.onRefusal,
  }
  try {
    return vetoingClient(clientOptions, refusals)
  } catch (error) {
    if (error instanceof GuardError) throw error
    // No `cause`: the driver's message may contain the address and thus the password.
    const message =
      error instanceof Error
        ? error.message.replaceAll(options.uri || '<address>', '<address>')
        : 'refused by the driver'
    throw new GuardError('BAD_ADDRESS', message)
  }
}
