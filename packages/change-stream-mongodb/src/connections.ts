import { GuardError, openReadConnection, type GuardedConnection, type GuardStatus } from '@freshet/guard'
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
}

/** The status of both connections: a layer stands if it stands for both, counters are added up. */
export interface ConnectionsStatus extends Pick<
  GuardStatus,
  'layers' | 'fault' | 'user' | 'roles' | 'renewals'
> {
  readonly refusals: Readonly<Record<string, number>>
  /** The state of the database clients, by purpose. */
  readonly client: Readonly<Record<'feed' | 'reads', string>>
}

/** Retries while the database is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/** The guarded connections to one database. Feed and reads are separate, so that a slow read cannot delay the feed. */
export class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly reads: GuardedConnection

  private constructor(feed: GuardedConnection, reads: GuardedConnection) {
    this.feed = feed
    this.reads = reads
  }

  /**
   * Opens both when the database is reachable, and proves that neither can write.
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
          throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}. ${error.remedy}`, {
            cause: error,
          })
        log.warn({ err: error }, 'the database is unreachable, retrying')
        await clock.sleep(backoff.next(), signal)
        signal.throwIfAborted()
      }
    }
  }

  static async #openOnce({ uri, database, appName, log }: OpenConnectionsOptions): Promise<Connections> {
    const common = { uri, database, log }
    const feed = await openReadConnection({ ...common, appName: `${appName}-feed` })
    try {
      return new Connections(feed, await openReadConnection({ ...common, appName }))
    } catch (error) {
      await feed.close()
      throw error
    }
  }

  status(): ConnectionsStatus {
    const feed = this.feed.status()
    const reads = this.reads.status()
    const refusals: Record<string, number> = {}
    for (const [what, count] of [...Object.entries(feed.refusals), ...Object.entries(reads.refusals)])
      refusals[what] = (refusals[what] ?? 0) + count
    const faulty = feed.fault === undefined && reads.fault !== undefined ? reads : feed
    return {
      ...faulty,
      refusals,
      client: { feed: feed.client, reads: reads.client },
      renewals: feed.renewals + reads.renewals,
    }
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all([this.feed.close(), this.reads.close()])
  }
}
