import type { Log } from '@freshet/kit'
import { proveVeto } from './canary.ts'
import { vetoingClient } from './client.ts'
import type { VetoingClient } from './client.ts'
import type { GuardedConnection } from './contract.ts'
import { guardErrorOf } from './driver-errors.ts'
import { GuardError } from './errors.ts'
import { privilegeFault, probeDatabase, readStanding } from './preflight.ts'
import { DriverReadConnection } from './read-connection.ts'
import type { Refusal } from './refusals.ts'
import { guardLine } from './status.ts'
import type { GuardStatus } from './status.ts'

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

/**
 * Opens the only door to a database for whoever reads: connects, proves by a canary that writes are stopped here, and
 * by the server's own word that they would be stopped there too. Costs four round trips, once.
 * @throws {GuardError} BAD_ADDRESS, UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING, PRIVILEGE, NO_ACCESS_CONTROL; nothing
 *   is left open then. `exitCode` tells a process how to end.
 */
export async function openReadConnection(options: OpenOptions): Promise<GuardedConnection> {
  const { client, refusals } = clientFor(options)
  try {
    await client.connect()
    const veto = await proveVeto(client, options.database, refusals)
    const standing = await readStanding(client, options.database)
    const fault = privilegeFault(standing, options.database, options.accessControl ?? 'required')
    if (fault) throw fault
    const connection = new DriverReadConnection(client, options.database, refusals, { veto, standing })
    announce(connection.status(), options.log)
    return connection
  } catch (error) {
    await client.close()
    throw guardErrorOf(error)
  }
}

/** The client, not connected yet. @throws {GuardError} BAD_ADDRESS, VETO_MISSING */
export function clientFor(options: OpenOptions): VetoingClient {
  try {
    return vetoingClient({
      uri: options.uri,
      databases: new Set([options.database, probeDatabase]),
      appName: options.appName,
      heartbeatFrequencyMs: options.heartbeatFrequencyMs ?? 500,
      maxPoolSize: options.maxPoolSize ?? 20,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      log: options.log,
      onRefusal: options.onRefusal,
    })
  } catch (error) {
    if (error instanceof GuardError) throw error
    // Without `cause`: the driver's message may quote the whole address, and with it the password.
    const message =
      error instanceof Error ? error.message.replaceAll(options.uri, '<address>') : 'refused by the driver'
    throw new GuardError('BAD_ADDRESS', message)
  }
}

function announce(status: GuardStatus, log: Log): void {
  const line = guardLine(status)
  if (status.layers.role === 'standing') log.info({ guard: status }, line)
  else log.warn({ guard: status }, line)
}
