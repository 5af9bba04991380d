import { GuardError, openReadConnection, type GuardedConnection } from '@freshet/guard'
import { Backoff, ConfigError, type Log, type Part } from '@freshet/kit'
import type { BackendTools, GuardReport } from '../contract.ts'

interface Place {
  readonly mongodbUri: string
  readonly database: string
}

/** Detects a primary step-down within this time. */
const HEARTBEAT_MS = 500

/** The guarded connections to one database. Feed and fills are separate, so that a slow fill cannot delay the feed. */
class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly fills: GuardedConnection

  private constructor(feed: GuardedConnection, fills: GuardedConnection) {
    this.feed = feed
    this.fills = fills
  }

  /** Opens both and proves that neither can write. @throws {GuardError} nothing is left open. */
  static async open({ mongodbUri: uri, database }: Place, log: Log): Promise<Connections> {
    const common = { uri, database, log }
    const feed = await openReadConnection({
      ...common,
      appName: 'freshet-reader-feed',
      heartbeatFrequencyMs: HEARTBEAT_MS,
    })
    try {
      return new Connections(feed, await openReadConnection({ ...common, appName: 'freshet-reader' }))
    } catch (error) {
      await feed.close()
      throw error
    }
  }

  /** The combined status: a layer is in force if it is for both; counters are added up. */
  guard(): GuardReport {
    const feed = this.feed.status()
    const fills = this.fills.status()
    const refusals: Record<string, number> = {}
    for (const [what, count] of [...Object.entries(feed.refusals), ...Object.entries(fills.refusals)])
      refusals[what] = (refusals[what] ?? 0) + count
    const report = { ...(feed.fault === undefined && fills.fault !== undefined ? fills : feed), refusals }
    const clients = { feed: feed.client, fills: fills.client }
    return Object.assign(report, { client: clients, renewals: feed.renewals + fills.renewals })
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all([this.feed.close(), this.fills.close()])
  }
}

/** Retries while the database is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/**
 * Opens both when the database is reachable. `random`: in [0, 1).
 * @throws {ConfigError} retrying cannot help, for example if the user may write.
 */
export async function openConnections(
  place: Place,
  { log, clock, signal }: Pick<BackendTools, 'log' | 'clock' | 'signal'>,
  random: () => number,
): Promise<Connections> {
  const backoff = new Backoff(BACKOFF, random)
  for (;;) {
    try {
      return await Connections.open(place, log)
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
