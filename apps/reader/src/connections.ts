import { openReadConnection, type GuardedConnection } from '@freshet/guard'
import type { Log, Part } from '@freshet/kit'
import type { ReaderConfig } from './options.ts'
import type { GuardWord } from './reader-app.ts'

/** A step-down is noticed within this time; the feed waits for nothing else. */
const HEARTBEAT_MS = 500

/** The guarded doors to one database: a slow fill must not hold up the feed, so each has its own. */
export class Connections implements Part {
  readonly name = 'database connections'
  readonly feed: GuardedConnection
  readonly fills: GuardedConnection

  private constructor(feed: GuardedConnection, fills: GuardedConnection) {
    this.feed = feed
    this.fills = fills
  }

  /** Proves for each that it cannot write. @throws {GuardError} nothing is left open then. */
  static async open({ mongodbUri: uri, database }: ReaderConfig, log: Log): Promise<Connections> {
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

  /** What both guards say; refusals are counted together. */
  guard(): GuardWord {
    const refusals: Record<string, number> = {}
    for (const connection of [this.feed, this.fills])
      for (const [what, count] of Object.entries(connection.status().refusals))
        refusals[what] = (refusals[what] ?? 0) + count
    return { ...this.feed.status(), refusals }
  }

  start(): void {}

  async stop(): Promise<void> {
    await Promise.all([this.feed.close(), this.fills.close()])
  }
}
