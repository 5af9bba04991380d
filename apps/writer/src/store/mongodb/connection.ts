import { Backoff, Renewal, type Clock, type Log, type Part } from '@freshet/kit'
import type { Db, MongoClient, MongoClientOptions } from 'mongodb'
import { StoreError } from '../errors.ts'
import { makeClient, watchTopology, type ClientOptions } from './client.ts'

/** One each for the heartbeat and the source check of each database, and a spare for when one breaks. */
const controlConnections = (databases: number): number => 2 * databases + 1

/**
 * An outage that lasts longer than this counts as lost servers; see
 * https://www.mongodb.com/docs/manual/core/replica-set-elections/
 */
const PATIENCE_MS = 5_000

/** Pauses between attempts to recreate the clients. Each attempt waits for a primary itself. */
const RENEWAL_PAUSES = { firstMs: 100, maxMs: 1_000 }

/** Options of a database connection. */
export interface ConnectionOptions extends ClientOptions {
  /** Databases with control documents. */
  readonly databases: number
  readonly maxWrites: number
  readonly clock: Clock
  readonly log: Log
}

/** Two clients for one address, so that writes never starve control traffic of connections. */
interface Clients {
  readonly writes: MongoClient
  readonly control: MongoClient
}

/**
 * The writer's clients. An unreachable database does not prevent startup; see `ready`. Clients that may never find
 * their servers again are recreated, both together.
 */
export class DatabaseConnection implements Part {
  readonly name = 'database connection'
  readonly #options: ConnectionOptions
  readonly #renewal: Renewal<Clients>
  readonly #listeners: (() => void)[] = []
  #connected = false

  /** @throws {ConfigError} the driver cannot parse the address. */
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

  /** For documents. @throws {StoreError} UNREACHABLE while the clients are being recreated. */
  get writes(): MongoClient {
    return this.#current().writes
  }

  /** For control documents and anything else that must not wait for writes. @throws {StoreError} see `writes`. */
  get control(): MongoClient {
    return this.#current().control
  }

  /** `connecting`: for the first time. */
  get state(): 'connecting' | 'connected' | 'renewing' {
    if (this.#renewal.current === undefined) return 'renewing'
    return this.#connected ? 'connected' : 'connecting'
  }

  /** How often the clients were recreated. */
  get renewals(): number {
    return this.#renewal.renewals
  }

  /** Calls `listener` before a broken connection is replaced, which may lead to another server. */
  onBroken(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Connects; await it before the first command. A client whose first attempt failed does not recover by itself: its
   * topology stays closed until it is told to connect again. Rejects with driver errors, or as `writes` throws.
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
    throw new StoreError('UNREACHABLE', 'the connection to the database is being recreated')
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
    const { clock, maxWrites, databases } = this.#options
    const clients = {
      writes: this.#client({ appName: 'freshet-writer', maxPoolSize: maxWrites }),
      // Opened in advance: while writes keep the process busy, handshake and login take too long.
      control: this.#client({
        appName: 'freshet-writer-control',
        maxPoolSize: controlConnections(databases),
        minPoolSize: controlConnections(databases),
      }),
    }
    for (const client of Object.values(clients))
      watchTopology(client, { clock, patienceMs: PATIENCE_MS }, (why) => {
        // Until then, each call of `ready` starts over from the address.
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

const known = new WeakMap<MongoClient, Map<string, Db>>()

/** Caches a client's database: the driver creates a new object on each call, from all options, in 20 us. */
export function databaseOf(client: MongoClient, name: string): Db {
  const databases = known.get(client) ?? new Map<string, Db>()
  known.set(client, databases)
  const database = databases.get(name) ?? client.db(name)
  databases.set(name, database)
  return database
}
