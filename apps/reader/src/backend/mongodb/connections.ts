import { GuardError, openReadConnection, type GuardedConnection } from '@freshet/guard'
import { Backoff, ConfigError, type Log, type Part } from '@freshet/kit'
import type { BackendTools, GuardWord } from '../contract.ts'

/** Where the database is. */
interface Place {
  readonly mongodbUri: string
  readonly database: string
}

/** A step-down is noticed within this time; the feed waits for nothing else. */
const HEARTBEAT_MS = 500

/** The guarded doors to one database: a slow fill must not hold up the feed, so each has its own. */
class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly fills: GuardedConnection

  private constructor(feed: GuardedConnection, fills: GuardedConnection) {
    this.feed = feed
    this.fills = fills
  }

  /** Proves for each that it cannot write. @throws {GuardError} nothing is left open then. */
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

  /** What both guards say: a layer stands when it does for both, and what was counted is added up. */
  guard(): GuardWord {
    const feed = this.feed.status()
    const fills = this.fills.status()
    const refusals: Record<string, number> = {}
    for (const [what, count] of [...Object.entries(feed.refusals), ...Object.entries(fills.refusals)])
      refusals[what] = (refusals[what] ?? 0) + count
    const word = { ...(feed.fault === undefined && fills.fault !== undefined ? fills : feed), refusals }
    const clients = { feed: feed.client, fills: fills.client }
    return Object.assign(word, { client: clients, renewals: feed.renewals + fills.renewals })
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all([this.feed.close(), this.fills.close()])
  }
}

/** A database that is away is asked for again: an outage during a roll-out must not end the new processes. */
const PAUSES = { firstMs: 1_000, maxMs: 10_000 } as const

/**
 * Opens both when the database is there. `random`: in [0, 1).
 * @throws {ConfigError} trying again changes nothing, as with a user who may write.
 */
export async function openConnections(
  place: Place,
  { log, clock, signal }: Pick<BackendTools, 'log' | 'clock' | 'signal'>,
  random: () => number,
): Promise<Connections> {
  const pauses = new Backoff(PAUSES, random)
  for (;;) {
    try {
      return await Connections.open(place, log)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      if (!error.retry)
        throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}. ${error.remedy}`, {
          cause: error,
        })
      log.warn({ err: error }, 'the database is not there, trying again')
      await clock.sleep(pauses.next(), signal)
      signal.throwIfAborted()
    }
  }
}
