import type { Clock } from '@freshet/kit'
import type { ProblemCode, SourceId } from '@freshet/protocol'
import type { BodyBudget, Health } from '@freshet/service'
import type { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import type { SourceWatch } from './source.ts'
import type { WriteLimit } from './write-limit.ts'
import type { WriteCounts } from './writer-router.ts'

/** What the management port tells about a writer. */
export interface WriterHealthParts {
  readonly source: Pick<SourceWatch, 'source' | 'unnamed' | 'seenAt'>
  readonly heartbeat: Pick<Heartbeat, 'lastBeatAt' | 'failing'>
  readonly limit: Pick<WriteLimit, 'inFlight' | 'acknowledged' | 'lastAt' | 'wroteAt'>
  readonly counts: WriteCounts
  readonly bodies: Pick<BodyBudget, 'takenBytes'>
  readonly connection: Backend['connection']
  readonly clock: Clock
  /** Not ready when the database was not heard of for so long. */
  readonly unreadyAfterMs: number
}

/** A writer's part of `/statusz`. */
export interface WriterStatus {
  /** `undefined` as long as it is not known, or in doubt. */
  readonly source: SourceId | undefined
  /** How long ago the database last answered anything; `undefined`: never. */
  readonly databaseSilentMs: number | undefined
  readonly connection: Backend['connection']['state']
  readonly connectionRenewals: number
  readonly heartbeatFailing: boolean
  /** Writes that are under way. */
  readonly inFlight: number
  readonly bodiesBytes: number
  /** Operations that a majority of the database acknowledged, since the start. */
  readonly acknowledged: number
  /** Writes that were answered, since the start. */
  readonly writes: number
  /** How often each problem was answered, since the start. */
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
}

/** Whether a writer may get requests: it can do nothing without the database, so others should get them. */
export class WriterHealth implements Health<WriterStatus> {
  readonly #parts: WriterHealthParts
  #started = false

  constructor(parts: WriterHealthParts) {
    this.#parts = parts
  }

  /** The source was known once. */
  started(): boolean {
    this.#started ||= this.#parts.source.source !== undefined
    return this.#started
  }

  unready(): string | undefined {
    const { source, heartbeat, limit, connection, clock, unreadyAfterMs } = this.#parts
    if (connection.state === 'renewing') return 'the connection to the database is being made anew'
    if (source.unnamed) return 'the database has no source document: run freshet migrate'
    if (source.source === undefined) return 'source unknown'
    if (this.#silentMs() > unreadyAfterMs) return `database silent for more than ${unreadyAfterMs} ms`
    const takenAt = Math.max(heartbeat.lastBeatAt ?? -Infinity, limit.wroteAt ?? -Infinity)
    return clock.now() - takenAt > unreadyAfterMs
      ? `no majority took a write or a heartbeat for more than ${unreadyAfterMs} ms`
      : undefined
  }

  status(): WriterStatus {
    const { source, heartbeat, limit, counts, bodies, connection } = this.#parts
    const silentMs = this.#silentMs()
    return {
      source: source.source,
      databaseSilentMs: Number.isFinite(silentMs) ? Math.round(silentMs) : undefined,
      connection: connection.state,
      connectionRenewals: connection.renewals,
      heartbeatFailing: heartbeat.failing,
      inFlight: limit.inFlight,
      bodiesBytes: bodies.takenBytes,
      acknowledged: limit.acknowledged,
      writes: counts.done,
      problems: Object.fromEntries(counts.problems),
    }
  }

  /** How long ago the database last answered anything. */
  #silentMs(): number {
    const { source, heartbeat, limit, clock } = this.#parts
    const heard = Math.max(
      source.seenAt ?? -Infinity,
      heartbeat.lastBeatAt ?? -Infinity,
      limit.lastAt ?? -Infinity,
    )
    return clock.now() - heard
  }
}
