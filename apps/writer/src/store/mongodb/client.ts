/// <reference path="../../../../../types/mongodb-connection.d.ts" />
import { ConfigError } from '@freshet/kit'
import { MongoClient, type Db, type MongoClientOptions } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { Socket } from 'node:net'

/** A primary that is lost is noticed within this time. */
const HEARTBEAT_MS = 500

/** How long a write waits for a primary before it is refused: an orderly step-down takes less, an outage more. */
const SELECT_WITHIN_MS = 2_000

/** How long a silent connection may be waited for beyond the time that the server itself was given. */
const GRACE_MS = 1_000

/** What all clients of a writer are made of. */
export interface ClientOptions {
  readonly uri: string
  readonly acknowledgeWithinMs: number
}

/** What is different between them. */
type OwnOptions = Pick<MongoClientOptions, 'appName' | 'maxPoolSize' | 'minPoolSize'>

/** `connectionType` exists in the driver at run time but not in its published types. */
type OptionsWithConnection = MongoClientOptions & { readonly connectionType: typeof SettlingConnection }

/** A client that is not connected yet. @throws {ConfigError} the address is not one that the driver understands. */
export function makeClient({ uri, acknowledgeWithinMs }: ClientOptions, own: OwnOptions): MongoClient {
  const options: OptionsWithConnection = {
    connectionType: SettlingConnection,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    serverSelectionTimeoutMS: SELECT_WITHIN_MS,
    // Also how long the driver's monitor waits for a server that is silent, before it cuts what is under way.
    connectTimeoutMS: Math.max(SELECT_WITHIN_MS, acknowledgeWithinMs),
    socketTimeoutMS: acknowledgeWithinMs + GRACE_MS,
    waitQueueTimeoutMS: SELECT_WITHIN_MS,
    readPreference: 'primary',
    // Monitoring would decode every reply a second time, only to hand it to nobody.
    monitorCommands: false,
    ...own,
  }
  try {
    return new MongoClient(uri, options)
  } catch (cause) {
    throw new ConfigError('BAD_VALUE', '--mongodb-uri-file is not an address that the driver takes.', {
      cause,
    })
  }
}

/**
 * A connection whose writes settle when its socket is gone. While a socket is full, the driver waits for its `drain`
 * alone (mongodb 7.9, `Connection.writeCommand`): where the socket ends without an error, as after `socketTimeoutMS`,
 * that wait is for ever; where there is one, the caller gets the error of Node.js, which the driver takes for no failure
 * of the network. Woken, it goes on to its own error, which says what happened.
 */
export class SettlingConnection extends Connection {
  constructor(socket: Socket, options: unknown) {
    super(socket, options)
    // Behind the driver's own listeners: it knows by now that the connection is no more.
    const wake = (): void => void socket.emit('drain')
    socket.on('error', wake).on('close', wake)
    // While a message was being compressed, the socket may have gone: who waits from then on has missed both.
    socket.on('newListener', (event: unknown) => {
      if (event === 'drain' && socket.destroyed) process.nextTick(wake)
    })
  }
}

const known = new WeakMap<MongoClient, Map<string, Db>>()

/** A database of a client, made once: the driver makes a new object of each call, from all options, in 20 us. */
export function databaseOf(client: MongoClient, name: string): Db {
  const databases = known.get(client) ?? new Map<string, Db>()
  known.set(client, databases)
  const database = databases.get(name) ?? client.db(name)
  databases.set(name, database)
  return database
}
