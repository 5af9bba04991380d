// G3.9 fails without this file: the class of the next connections is changed on a live client.
import { MongoClient, type MongoClientOptions } from 'mongodb'
import type { Log } from '@freshet/kit'
import { GuardError } from './errors.ts'
import type { Refusal } from './refusals.ts'
import { Refusals } from './refusals.ts'
import { vetoingConnection } from './vetoing-connection.ts'

/** What a guarded client needs to know; see `OpenOptions` for what each means. */
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

/** A client whose every socket refuses to send anything but a read, and the count of what it refused. */
export interface VetoingClient {
  readonly client: MongoClient
  readonly refusals: Refusals
}

/** `connectionType` exists in the driver at run time but not in its published types. */
type OptionsWithConnection = MongoClientOptions & {
  readonly connectionType: ReturnType<typeof vetoingConnection>
}

/**
 * Makes the client; opens no connection yet. Reads go to the primary, since only its history is whole.
 * @param refusals where they are counted; those of the client that this one takes the place of.
 */
export function vetoingClient(
  options: ClientOptions,
  refusals = new Refusals(options.log, options.onRefusal),
): VetoingClient {
  const driverOptions: OptionsWithConnection = {
    appName: options.appName,
    connectionType: vetoingConnection(options.databases, refusals),
    heartbeatFrequencyMS: options.heartbeatFrequencyMs,
    maxPoolSize: options.maxPoolSize,
    serverSelectionTimeoutMS: options.connectTimeoutMs,
    connectTimeoutMS: options.connectTimeoutMs,
    // Whatever the address asks for: compressing would copy what was judged, and let time pass before it leaves.
    compressors: ['none'],
    readPreference: 'primary',
    readConcernLevel: 'majority',
    retryWrites: false,
    // Monitoring would decode every reply a second time, only to hand it to nobody.
    monitorCommands: false,
  }
  const client = new MongoClient(options.uri, driverOptions)
  lockConnectionType(client)
  return { client, refusals }
}

/** What decides of which class a socket is stays as it was made: a client reads it again whenever it connects. */
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

/** The servers that the address names; nothing when they come from a record of the DNS. */
export function seedsOf(client: MongoClient): readonly string[] | undefined {
  const { srvHost, hosts } = client.options
  return srvHost === undefined ? hosts.map((host) => host.toString()) : undefined
}
