import type { BodyBudget, Metrics } from '@freshet/service'
import type { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import type { SourceWatch } from './source.ts'
import type { WriteLimit } from './write-limit.ts'
import type { WriteCounts } from './writer-router.ts'

/** What the metrics are read from, at each scrape. */
export interface WriterNumbers {
  readonly counts: WriteCounts
  readonly limit: Pick<WriteLimit, 'inFlight' | 'acknowledged'>
  readonly source: Pick<SourceWatch, 'source'>
  readonly heartbeat: Pick<Heartbeat, 'failing'>
  readonly bodies: Pick<BodyBudget, 'takenBytes'>
  readonly connection: Backend['connection']
}

/** Registers a writer's metrics. They cost nothing until they are scraped. */
export function addWriterMetrics(
  metrics: Metrics,
  { counts, limit, source, heartbeat, bodies, connection }: WriterNumbers,
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
    () => limit.acknowledged,
  )
  metrics.gauge('writer_in_flight', 'Writes in progress.', [], () => limit.inFlight)
  metrics.gauge(
    'writer_bodies_bytes',
    'Bytes of bodies being received, written or returned.',
    [],
    () => bodies.takenBytes,
  )
  metrics.gauge('writer_heartbeat_failing', '1 while the database does not accept the heartbeat.', [], () =>
    heartbeat.failing ? 1 : 0,
  )
  metrics.counter(
    'writer_connection_renewals_total',
    'How often the database clients were recreated because they had lost their servers.',
    [],
    () => connection.renewals,
  )
  metrics.gauge('writer_source_known', '1 while the source is known.', [], () =>
    source.source === undefined ? 0 : 1,
  )
}
