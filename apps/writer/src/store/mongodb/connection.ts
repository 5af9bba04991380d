import { Backoff, Renewal, type Clock, type Log, type Part } from '@freshet/kit'
import type { MongoClient, MongoClientOptions } from 'mongodb'
import { StoreError } from '../errors.ts'
import { makeClient, type ClientOptions } from './client.ts'
import { onWorn } from './server-sight.ts'

/** The heartbeat and the look at the source, each with a connection, and one that takes the place of one that broke. */
const CONTROL_CONNECTIONS = 3

/** An election takes less: https://www.mongodb.com/docs/manual/core/replica-set-elections/ says 12 s at most as a rule. */
const PATIENCE_MS = 5_000

/** Between attempts to make the clients anew, each of which waits for a primary itself. */
const RENEWAL_PAUSES = { firstMs: 100, maxMs: 1_000 }

/** What a connection to the database is made of. */
export interface ConnectionOptions extends ClientOptions {
  readonly maxWrites: number
  readonly clock: Clock
  readonly log: Log
}

/** Two clients of one address. Nothing that writes do, or wait for, keeps the control traffic from a connection. */
interface Clients {
  readonly writes: MongoClient
  readonly control: MongoClient
}

/**
 * The writer's clients. A database that is away does not keep the service from starting: see `ready`. Clients that may
 * never find their servers again are made anew, both together.
 */
export class DatabaseConnection implements Part {
  readonly name = 'database connection'
  readonly #options: ConnectionOptions
  readonly #renewal: Renewal<Clients>
  readonly #listeners: (() => void)[] = []
  #connected = false

  /** @throws {ConfigError} the address is not one that the driver understands. */
  constructor(options: ConnectionOptions) {
    this.#options = options
    const { clock, log } = options
    this.#renewal = new Renewal(this.#clients(), {
      name: this.name,
      create: () => this.#make(),
      dispose: closeAll,
      clock,
      backoff: new Backoff(RENEWAL_PAUSES, Math.random),
      log,
    })
  }

  /** For the documents. @throws {StoreError} UNREACHABLE: a new one is being made. */
  get writes(): MongoClient {
    return this.#current().writes
  }

  /** For the control documents, and what else must not wait for writes. @throws {StoreError} as `writes`. */
  get control(): MongoClient {
    return this.#current().control
  }

  /** `connecting`: for the first time. */
  get state(): 'connecting' | 'connected' | 'renewing' {
    if (this.#renewal.current === undefined) return 'renewing'
    return this.#connected ? 'connected' : 'connecting'
  }

  /** How often the clients were made anew. */
  get renewals(): number {
    return this.#renewal.renewals
  }

  /** Calls `listener` before a connection takes the place of one that broke, which may lead to another server. */
  onBroken(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Connects; wait for it before the first command. A client whose first attempt failed never recovers by itself: its
   * topology stays closed until it is told to connect again. Rejects as the driver does, or as `writes` throws.
   */
  async ready(): Promise<void> {
    const clients = this.#current()
    if (this.#connected) return
    await connectAll(clients)
    this.#connected = true
  }

  start(): void {}

  async stop(): Promise<void> {
    await this.#renewal.close()
  }

  #current(): Clients {
    const clients = this.#renewal.current
    if (clients !== undefined) return clients
    throw new StoreError('UNREACHABLE', 'the connection to the database is being made anew')
  }

  async #make(): Promise<Clients> {
    const clients = this.#clients()
    try {
      await connectAll(clients)
      return clients
    } catch (error) {
      await closeAll(clients)
      throw error
    }
  }

  #clients(): Clients {
    const { clock, maxWrites } = this.#options
    const clients = {
      writes: this.#client({ appName: 'freshet-writer', maxPoolSize: maxWrites }),
      // Opened before they are needed: while writes keep the process busy, greeting and login take too long.
      control: this.#client({
        appName: 'freshet-writer-control',
        maxPoolSize: CONTROL_CONNECTIONS,
        minPoolSize: CONTROL_CONNECTIONS,
      }),
    }
    for (const client of Object.values(clients))
      onWorn(client, { clock, patienceMs: PATIENCE_MS }, (why) => {
        // Before that, `ready` begins with the address at each attempt.
        if (!this.#connected || this.#renewal.current !== clients) return
        this.#broken()
        this.#renewal.renew(clients, why)
      })
    return clients
  }

  #client(own: Pick<MongoClientOptions, 'appName' | 'maxPoolSize' | 'minPoolSize'>): MongoClient {
    const client = makeClient(this.#options, own)
    client.on('connectionPoolCleared', () => this.#broken())
    client.on('connectionClosed', ({ reason }) => {
      if (reason === 'error') this.#broken()
    })
    return client
  }

  #broken(): void {
    for (const listener of this.#listeners) listener()
  }
}

async function connectAll({ writes, control }: Clients): Promise<void> {
  await Promise.all([writes.connect(), control.connect()])
}

async function closeAll({ writes, control }: Clients): Promise<void> {
  await Promise.all([writes.close(), control.close()])
}
