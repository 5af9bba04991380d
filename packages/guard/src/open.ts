// G3.6 fails without this file: an address that is wrong is an error of the driver.
import { Backoff, Renewal, systemClock, type Log } from '@freshet/kit'
import { vetoingClient } from './client.ts'
import type { VetoingClient } from './client.ts'
import type { GuardedConnection } from './contract.ts'
import { GuardError } from './errors.ts'
import { GuardedClient, type LookOptions } from './guarded-client.ts'
import { probeDatabase } from './preflight.ts'
import { DriverReadConnection } from './read-connection.ts'
import { Refusals, type Refusal } from './refusals.ts'

const defaultConnectTimeoutMs = 5_000

/** What {@link openReadConnection} needs; what has no default cannot be guessed. */
export interface OpenOptions {
  /** The address with the reader's credentials. Must reach the primary: a replica set, or `directConnection`. */
  readonly uri: string
  /** The database that commands go to. */
  readonly database: string
  /** Shown in the server's log and `currentOp`. */
  readonly appName: string
  readonly log: Log
  /** Time between two looks at the replica set's state; 500 notices a step-down soonest, and is the default. */
  readonly heartbeatFrequencyMs?: number
  /** `optional`: a server without access control is let pass, with a warning; for development alone. Default `required`. */
  readonly accessControl?: 'required' | 'optional'
  /** Connections at once; one is held by a change stream while it waits. Default 20. */
  readonly maxPoolSize?: number
  /** The longest wait for a primary: at the start, and later by each command. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
  /** Hears of every refusal, after it was counted and logged. Must not throw. */
  readonly onRefusal?: (refusal: Refusal) => void
}

/** Between attempts to make a client anew, each of which waits for a primary itself. */
const renewalPauses = Object.freeze({ firstMs: 100, maxMs: 1_000 })

/**
 * Opens the only door to a database for whoever reads: connects, proves by a canary that writes are stopped here, and
 * by the server's own word that they would be stopped there too. Costs four round trips, once. A client that may
 * never find its servers again is made anew, and looked at in the same way before it is used.
 * @throws {GuardError} BAD_ADDRESS, UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING, PRIVILEGE, NO_ACCESS_CONTROL; nothing
 *   is left open then. `exitCode` tells a process how to end.
 */
export async function openReadConnection(options: OpenOptions): Promise<GuardedConnection> {
  const { log, database } = options
  const refusals = new Refusals(log, options.onRefusal)
  const look: LookOptions = {
    database,
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

/** The client, not connected yet. @throws {GuardError} BAD_ADDRESS, VETO_MISSING */
export function clientFor(options: OpenOptions, refusals?: Refusals): VetoingClient {
  const clientOptions = {
    uri: options.uri,
    databases: new Set([options.database, probeDatabase]),
    appName: options.appName,
    heartbeatFrequencyMs: options.heartbeatFrequencyMs ?? 500,
    maxPoolSize: options.maxPoolSize ?? 20,
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    log: options.log,
    onRefusal: options.onRefusal,
  }
  try {
    return vetoingClient(clientOptions, refusals)
  } catch (error) {
    if (error instanceof GuardError) throw error
    // Without `cause`: the driver's message may quote the whole address, and with it the password.
    const message =
      error instanceof Error ? error.message.replaceAll(options.uri, '<address>') : 'refused by the driver'
    throw new GuardError('BAD_ADDRESS', message)
  }
}
