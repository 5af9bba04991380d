import type { Clock } from '@freshet/kit'
import type { ProblemCode, SourceId } from '@freshet/protocol'
import type { BodyBudget, Health } from '@freshet/service'
import type { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import type { SourceWatch } from './source.ts'
import type { WriteLimit } from './write-limit.ts'
import type { WriteCounts } from './writer-table.ts'

/** A database that is written to: that of the documents, or that of the messages. */
export interface WatchedDatabase {
  readonly source: SourceWatch
  readonly heartbeat: Heartbeat
  readonly limit: WriteLimit
}

/** What a writer reports on its management port. */
export interface WriterHealthParts {
  /** That of the documents first. */
  readonly databases: readonly WatchedDatabase[]
  readonly counts: WriteCounts
  readonly bodies: Pick<BodyBudget, 'takenBytes'>
  readonly connection: Backend['connection']
  readonly clock: Clock
  /** Not ready after the database has been silent for this long, in milliseconds; `undefined`: silence is ignored. */
  readonly unreadyAfterMs: number | undefined
}

/** A writer's part of `/statusz`. */
export interface WriterStatus {
  /** `undefined` while unknown or in doubt. */
  readonly source: SourceId | undefined
  /** Time since the database last answered anything; `undefined` if it never did. */
  readonly databaseSilentMs: number | undefined
  readonly connection: Backend['connection']['state']
  readonly connectionRenewals: number
  readonly heartbeatFailing: boolean
  /** Writes in progress. */
  readonly inFlight: number
  readonly bodiesBytes: number
  /** Operations acknowledged by a majority of the database, since the start. */
  readonly acknowledged: number
  /** Completed writes, since the start. */
  readonly writes: number
  /** Number of responses with each problem code, since the start. */
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
}

/**
 * Readiness of a writer. An outage of the database alone does not make it unready unless configured: it ends by itself and
 * meets all writers at once, and then clients get a 503 that says that nothing was written instead of no connection.
 */
export class WriterHealth implements Health<WriterStatus> {
  readonly #parts: WriterHealthParts

  constructor(parts: WriterHealthParts) {
    this.#parts = parts
  }

  /** Whether the source has ever been known. */
  started(): boolean {
    return this.#parts.databases.every(({ source }) => source.everKnown)
  }

  unready(): string | undefined {
    const { databases } = this.#parts
    const [documents, messages] = databases.map((database) => this.#unready(database))
    return documents ?? (messages === undefined ? undefined : `messages: ${messages}`)
  }

  #unready(database: WatchedDatabase): string | undefined {
    const { source, heartbeat, limit } = database
    const { clock, unreadyAfterMs } = this.#parts
    // Waiting does not mend this.
    if (source.unnamed) return 'the database has no source document: run freshet migrate'
    if (!source.everKnown) return 'source unknown'
    if (unreadyAfterMs === undefined) return undefined
    if (this.#silentMs(database) > unreadyAfterMs) return `database silent for more than ${unreadyAfterMs} ms`
    const takenAt = Math.max(heartbeat.lastBeatAt ?? -Infinity, limit.wroteAt ?? -Infinity)
    return clock.now() - takenAt > unreadyAfterMs
      ? `no write or heartbeat acknowledged by a majority for more than ${unreadyAfterMs} ms`
      : undefined
  }

  status(): WriterStatus {
    const { databases, counts, bodies, connection } = this.#parts
    const silentMs = Math.max(...databases.map((database) => this.#silentMs(database)))
    return {
      source: databases[0]?.source.source,
      databaseSilentMs: Number.isFinite(silentMs) ? Math.round(silentMs) : undefined,
      connection: connection.state,
      connectionRenewals: connection.renewals,
      heartbeatFailing: databases.some(({ heartbeat }) => heartbeat.failing),
      // All databases count together.
      inFlight: databases[0]?.limit.inFlight ?? 0,
      bodiesBytes: bodies.takenBytes,
      acknowledged: databases.reduce((sum, { limit }) => sum + limit.acknowledged, 0),
      writes: counts.done,
      problems: Object.fromEntries(counts.problems),
    }
  }

  /** Time since this database last answered anything. */
  #silentMs({ source, heartbeat, limit }: WatchedDatabase): number {
    const heard = Math.max(
      source.seenAt ?? -Infinity,
      heartbeat.lastBeatAt ?? -Infinity,
      limit.lastAt ?? -Infinity,
    )
    return this.#parts.clock.now() - heard
  }
}
