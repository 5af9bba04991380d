/// <reference path="../../../../../types/mongodb-connection.d.ts" />
import { ConfigError } from '@freshet/kit'
import { MongoClient, type Db, type MongoClientOptions } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { Socket } from 'node:net'

/** A lost primary is noticed within this time. */
const HEARTBEAT_MS = 500

/** How long a write waits for a primary before it fails. A graceful step-down takes less, an outage more. */
const SELECT_WITHIN_MS = 2_000

/** How much longer than the server's own time limit a silent connection is waited for. */
const GRACE_MS = 1_000

/** Options shared by all clients of a writer. */
export interface ClientOptions {
  readonly uri: string
  readonly acknowledgeWithinMs: number
}

/** Options that differ between them. */
type OwnOptions = Pick<MongoClientOptions, 'appName' | 'maxPoolSize' | 'minPoolSize'>

/** `connectionType` exists in the driver at run time but not in its published types. */
type OptionsWithConnection = MongoClientOptions & { readonly connectionType: typeof SettlingConnection }

/** Creates a client without connecting it. @throws {ConfigError} the driver cannot parse the address. */
export function makeClient({ uri, acknowledgeWithinMs }: ClientOptions, own: OwnOptions): MongoClient {
  const options: OptionsWithConnection = {
    connectionType: SettlingConnection,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    serverSelectionTimeoutMS: SELECT_WITHIN_MS,
    // Also how long the driver's monitor waits for a silent server before it aborts pending commands.
    connectTimeoutMS: Math.max(SELECT_WITHIN_MS, acknowledgeWithinMs),
    socketTimeoutMS: acknowledgeWithinMs + GRACE_MS,
    waitQueueTimeoutMS: SELECT_WITHIN_MS,
    readPreference: 'primary',
    // Monitoring would decode every reply a second time, for no listener.
    monitorCommands: false,
    ...own,
  }
  try {
    return new MongoClient(uri, options)
  } catch (cause) {
    throw new ConfigError('BAD_VALUE', '--mongodb-uri-file is not an address that the driver can parse.', {
      cause,
    })
  }
}

/**
 * A connection whose writes always settle when the socket closes. While a socket is full, the driver waits only for
 * `drain` (mongodb 7.9, `Connection.writeCommand`). If the socket closes without an error, as after `socketTimeoutMS`,
 * it waits forever; with an error, the caller gets a Node.js error that the driver does not treat as a network error. A
 * fake `drain` makes the driver continue to its own error.
 */
export class SettlingConnection extends Connection {
  constructor(socket: Socket, options: unknown) {
    super(socket, options)
    // Runs after the driver's own listeners, so the driver already knows that the connection is closed.
    const wake = (): void => void socket.emit('drain')
    socket.on('error', wake).on('close', wake)
    // The socket may have closed during compression, before anyone listened for `drain`.
    socket.on('newListener', (event: unknown) => {
      if (event === 'drain' && socket.destroyed) process.nextTick(wake)
    })
  }
}

const known = new WeakMap<MongoClient, Map<string, Db>>()

/** Caches a client's database: the driver creates a new object on each call, from all options, in 20 us. */
export function databaseOf(client: MongoClient, name: string): Db {
  const databases = known.get(client) ?? new Map<string, Db>()
  known.set(client, databases)
  const database = databases.get(name) ?? client.db(name)
  databases.set(name, database)
  return database
}
