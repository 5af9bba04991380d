/// <reference path="../../../../../types/mongodb-connection.d.ts" />
import { ConfigError, type Clock } from '@freshet/kit'
import { MongoClient, type MongoClientOptions } from 'mongodb'
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

/** Options of the watch. */
export interface TopologyWatchOptions {
  readonly clock: Clock
  /** Longest time without a primary that counts as an outage from which the driver recovers by itself. */
  readonly patienceMs: number
}

/**
 * Calls `lost` when a client may never find its servers again, even if they are reachable. The driver drops servers
 * that belong to another set, or to none, and never contacts them again, so its list can become empty. It also
 * remembers members and the latest election it saw, and treats the primary of a restored set as stale forever. Only a
 * client that starts over from the address finds those.
 * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
 */
export function watchTopology(
  client: MongoClient,
  { clock, patienceMs }: TopologyWatchOptions,
  lost: (why: string) => void,
): void {
  let away: AbortController | undefined
  const back = (): void => {
    away?.abort()
    away = undefined
  }
  const wait = async ({ signal }: AbortController): Promise<void> => {
    await clock.sleep(patienceMs, signal)
    if (!signal.aborted) lost(`no primary found for ${patienceMs} ms`)
  }
  client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
    if (servers.size === 0) lost('no server left: the last one belongs to another set or to none')
    if ([...servers.values()].some(({ isWritable }) => isWritable)) return back()
    if (away !== undefined) return
    away = new AbortController()
    void wait(away)
  })
  client.on('topologyClosed', back)
}
