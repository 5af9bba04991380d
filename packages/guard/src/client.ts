// G3.9 fails without this file: the connection class of a live client can be replaced.
import { MongoClient, type MongoClientOptions } from 'mongodb'
import type { Log } from '@freshet/kit'
import { GuardError } from './errors.ts'
import type { Refusal } from './refusals.ts'
import { Refusals } from './refusals.ts'
import { vetoingConnection } from './vetoing-connection.ts'

/** Options of a guarded client; see `OpenOptions`. */
export interface ClientOptions {
  readonly uri: string
  readonly databases: ReadonlySet<string>
  readonly appName: string
  readonly heartbeatFrequencyMs: number
  readonly maxPoolSize: number
  readonly connectTimeoutMs: number
  readonly log: Log
  readonly onRefusal: ((refusal: Refusal) => void) | undefined
}

/** A client that can only send reads, and its counts of refusals. */
export interface VetoingClient {
  readonly client: MongoClient
  readonly refusals: Refusals
}

/** `connectionType` exists in the driver at run time but not in its published types. */
type OptionsWithConnection = MongoClientOptions & {
  readonly connectionType: ReturnType<typeof vetoingConnection>
}

/**
 * Creates the client without connecting. Reads from the primary, since only its history is complete.
 * @param refusals the counters to use; those of the replaced client, if any.
 */
export function vetoingClient(
  options: ClientOptions,
  refusals = new Refusals(options.log, options.onRefusal),
): VetoingClient {
  const driverOptions: OptionsWithConnection = {
    appName: options.appName,
    connectionType: vetoingConnection(options.databases, refusals),
    heartbeatFrequencyMS: options.heartbeatFrequencyMs,
    // Overrides the address, and what the driver chooses on some platforms: a server that is only polled reports late
    // that it is no longer the primary.
    serverMonitoringMode: 'stream',
    maxPoolSize: options.maxPoolSize,
    serverSelectionTimeoutMS: options.connectTimeoutMs,
    connectTimeoutMS: options.connectTimeoutMs,
    // Overrides the address: compression would copy the checked bytes and delay sending them.
    compressors: ['none'],
    readPreference: 'primary',
    readConcernLevel: 'majority',
    retryWrites: false,
    // Monitoring would decode every reply a second time, for no listener.
    monitorCommands: false,
  }
  const client = new MongoClient(options.uri, driverOptions)
  lockConnectionType(client)
  return { client, refusals }
}

/** Freezes the option that selects the connection class: a client reads it whenever it connects. */
function lockConnectionType(client: MongoClient): void {
  const options: unknown = Reflect.get(client, 'options')
  if (typeof options !== 'object' || options === null)
    throw new GuardError('VETO_MISSING', 'expected a driver that keeps the options of a client in `options`')
  for (const name of ['connectionType', 'autoEncrypter']) {
    const value: unknown = Reflect.get(options, name)
    Object.defineProperty(options, name, { value, enumerable: true, writable: false, configurable: false })
  }
  Object.defineProperty(client, 'options', { writable: false, configurable: false })
}

/** The servers in the address; `undefined` if they come from a DNS record. */
export function seedsOf(client: MongoClient): readonly string[] | undefined {
  const { srvHost, hosts } = client.options
  return srvHost === undefined ? hosts.map((host) => host.toString()) : undefined
}
