import type { BodyBudget, Metrics } from '@freshet/service'
import type { WatchedDatabase } from './health.ts'
import type { Backend } from './store/contract.ts'
import type { WriteCounts } from './writer-table.ts'

/** What the metrics are read from, at each scrape. */
export interface WriterNumbers {
  readonly counts: WriteCounts
  readonly databases: readonly WatchedDatabase[]
  readonly bodies: Pick<BodyBudget, 'takenBytes'>
  readonly connection: Backend['connection']
}

/** Registers a writer's metrics. They cost nothing until they are scraped. */
export function addWriterMetrics(
  metrics: Metrics,
  { counts, databases, bodies, connection }: WriterNumbers,
): void {
  metrics.counter('writer_writes_total', 'Writes completed.', [], () => counts.done)
  metrics.counter(
    'writer_replays_total',
    'Requests answered with the answer stored under their Idempotency-Key.',
    [],
    () => counts.replayed,
  )
  metrics.counter('writer_problems_total', 'Requests answered with a problem, by code.', ['code'], () =>
    [...counts.problems].map(([code, value]) => ({ labels: { code }, value })),
  )
  metrics.counter(
    'writer_acknowledged_total',
    'Operations acknowledged by a majority of the database.',
    [],
    () => databases.reduce((sum, { limit }) => sum + limit.acknowledged, 0),
  )
  metrics.gauge('writer_in_flight', 'Writes in progress.', [], () => databases[0]?.limit.inFlight ?? 0)
  metrics.gauge(
    'writer_bodies_bytes',
    'Bytes of bodies being received, written or returned.',
    [],
    () => bodies.takenBytes,
  )
  metrics.gauge('writer_heartbeat_failing', '1 while the database does not accept the heartbeat.', [], () =>
    databases.some(({ heartbeat }) => heartbeat.failing) ? 1 : 0,
  )
  metrics.counter(
    'writer_connection_renewals_total',
    'How often the database clients were recreated because they had lost their servers.',
    [],
    () => connection.renewals,
  )
  metrics.gauge('writer_source_known', '1 while the source is known.', [], () =>
    databases.every(({ source }) => source.source !== undefined) ? 1 : 0,
  )
}
