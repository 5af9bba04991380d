import { ConfigError, type Part } from '@freshet/kit'
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { SettlingConnection } from './settling-connection.ts'

/** A primary that is lost is noticed within this time. */
const HEARTBEAT_MS = 500

/** How long a write waits for a primary before it is refused: an orderly step-down takes less, an outage more. */
const SELECT_WITHIN_MS = 2_000

/** How long a silent connection may be waited for beyond the time that the server itself was given. */
const GRACE_MS = 1_000

/** Connections beside those of the writes: the heartbeat and the look at the source. */
const OWN_CONNECTIONS = 2

/** What a connection to the database is made of. */
export interface ConnectionOptions {
  readonly uri: string
  readonly maxWrites: number
  readonly acknowledgeWithinMs: number
}

/** `connectionType` exists in the driver at run time but not in its published types. */
type OptionsWithConnection = MongoClientOptions & { readonly connectionType: typeof SettlingConnection }

/** The writer's client. A database that is away does not keep the service from starting: see `ready`. */
export class DatabaseConnection implements Part {
  readonly name = 'database connection'
  readonly client: MongoClient
  #connected = false

  /** @throws {ConfigError} the address is not one that the driver understands. */
  constructor({ uri, maxWrites, acknowledgeWithinMs }: ConnectionOptions) {
    const options: OptionsWithConnection = {
      appName: 'freshet-writer',
      connectionType: SettlingConnection,
      heartbeatFrequencyMS: HEARTBEAT_MS,
      serverSelectionTimeoutMS: SELECT_WITHIN_MS,
      // Also how long the driver's monitor waits for a server that is silent, before it cuts what is under way.
      connectTimeoutMS: Math.max(SELECT_WITHIN_MS, acknowledgeWithinMs),
      socketTimeoutMS: acknowledgeWithinMs + GRACE_MS,
      waitQueueTimeoutMS: SELECT_WITHIN_MS,
      maxPoolSize: maxWrites + OWN_CONNECTIONS,
      readPreference: 'primary',
      // Monitoring would decode every reply a second time, only to hand it to nobody.
      monitorCommands: false,
    }
    try {
      this.client = new MongoClient(uri, options)
    } catch (cause) {
      throw new ConfigError('BAD_VALUE', '--mongodb-uri-file is not an address that the driver takes.', {
        cause,
      })
    }
  }

  /** Calls `listener` before a connection takes the place of one that broke, which may lead to another server. */
  onBroken(listener: () => void): void {
    this.client.on('connectionPoolCleared', listener)
    this.client.on('connectionClosed', ({ reason }) => {
      if (reason === 'error') listener()
    })
  }

  /**
   * Connects; wait for it before the first command. A client whose first attempt failed never recovers by itself: its
   * topology stays closed until it is told to connect again. Later outages it survives. Rejects as the driver does.
   */
  async ready(): Promise<void> {
    if (this.#connected) return
    await this.client.connect()
    this.#connected = true
  }

  start(): void {}

  async stop(): Promise<void> {
    await this.client.close()
  }
}
