import {
  GuardError,
  openReadConnection,
  type GuardedConnection,
  type GuardStatus,
  type OpenOptions,
} from '@freshet/guard'
import { Backoff, ConfigError, type Clock, type Log, type Part } from '@freshet/kit'

export interface OpenConnectionsOptions {
  /** The address with the credentials of a user who can only read this database. */
  readonly uri: string
  readonly database: string
  /** Shown in the server's log; the feed's has `-feed` behind it. */
  readonly appName: string
  readonly log: Log
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Ends the attempts. */
  readonly signal: AbortSignal
  readonly also?: AlsoOptions | undefined
}

/** A third connection with the same credentials, to another database. */
export interface AlsoOptions extends Pick<OpenOptions, 'database' | 'alsoReads' | 'appName' | 'maxPoolSize'> {
  /** In the status. */
  readonly name: string
  /** Rejects if the database cannot be used. A `GuardError` that allows it is retried. */
  readonly check: (connection: GuardedConnection) => Promise<void>
}

/** The status of all connections: a layer stands if it stands for all, counters are added up. */
export interface ConnectionsStatus extends Pick<
  GuardStatus,
  'layers' | 'fault' | 'user' | 'roles' | 'renewals'
> {
  readonly refusals: Readonly<Record<string, number>>
  /** The state of the database clients, by purpose. */
  readonly client: Readonly<Record<string, string>>
}

/** Retries while the database is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/**
 * The guarded connections to one database, and to another on request. Feed and reads are separate, so that a slow read cannot
 * delay the feed.
 */
export class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly reads: GuardedConnection
  /** `undefined` if not requested. */
  readonly also: GuardedConnection | undefined
  readonly #all: ReadonlyMap<string, GuardedConnection>

  private constructor(all: ReadonlyMap<string, GuardedConnection>, also: string | undefined) {
    const [feed, reads] = [all.get('feed'), all.get('reads')]
    if (feed === undefined || reads === undefined) throw new TypeError('expected two connections')
    this.feed = feed
    this.reads = reads
    this.also = also === undefined ? undefined : all.get(also)
    this.#all = all
  }

  /**
   * Opens all when the database is reachable, and proves that none can write.
   * @throws {ConfigError} retrying cannot help, for example if the user may write. Nothing is left open.
   */
  static async open(options: OpenConnectionsOptions): Promise<Connections> {
    const { log, clock, signal, random } = options
    const backoff = new Backoff(BACKOFF, random)
    for (;;) {
      try {
        return await Connections.#openOnce(options)
      } catch (error) {
        if (!(error instanceof GuardError)) throw error
        if (!error.retry)
          throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}`, { cause: error })
        log.warn({ err: error }, 'the database is unreachable, retrying')
        await clock.sleep(backoff.next(), signal)
        signal.throwIfAborted()
      }
    }
  }

  static async #openOnce({
    uri,
    database,
    appName,
    log,
    also,
  }: OpenConnectionsOptions): Promise<Connections> {
    const all = new Map<string, GuardedConnection>()
    const open = async (
      name: string,
      options: Omit<OpenOptions, 'uri' | 'log'>,
    ): Promise<GuardedConnection> => {
      const connection = await openReadConnection({ ...options, uri, log })
      all.set(name, connection)
      return connection
    }
    try {
      await open('feed', { database, appName: `${appName}-feed` })
      await open('reads', { database, appName })
      if (also) {
        const { name, check, ...options } = also
        await check(await open(name, options))
      }
      return new Connections(all, also?.name)
    } catch (error) {
      await Promise.all([...all.values()].map((connection) => connection.close()))
      throw error
    }
  }

  status(): ConnectionsStatus {
    const statuses = [...this.#all].map(([name, connection]) => ({ name, ...connection.status() }))
    const refusals: Record<string, number> = {}
    for (const [what, count] of statuses.flatMap((one) => Object.entries(one.refusals)))
      refusals[what] = (refusals[what] ?? 0) + count
    const { layers, fault, user, roles } =
      statuses.find((one) => one.fault !== undefined) ?? this.feed.status()
    return {
      layers,
      fault,
      user,
      roles,
      refusals,
      client: Object.fromEntries(statuses.map(({ name, client }) => [name, client])),
      renewals: statuses.reduce((sum, one) => sum + one.renewals, 0),
    }
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all([...this.#all.values()].map((connection) => connection.close()))
  }
}
