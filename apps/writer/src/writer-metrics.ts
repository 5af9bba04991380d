import type { BodyBudget, Metrics } from '@freshet/service'
import type { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import type { SourceWatch } from './source.ts'
import type { WriteLimit } from './write-limit.ts'
import type { WriteCounts } from './writer-router.ts'

/** What the numbers are read from, at each scrape. */
export interface WriterNumbers {
  readonly counts: WriteCounts
  readonly limit: Pick<WriteLimit, 'inFlight' | 'acknowledged'>
  readonly source: Pick<SourceWatch, 'source'>
  readonly heartbeat: Pick<Heartbeat, 'failing'>
  readonly bodies: Pick<BodyBudget, 'takenBytes'>
  readonly connection: Backend['connection']
}

/** Registers the numbers of a writer; they cost nothing before somebody asks. */
export function addWriterMetrics(
  metrics: Metrics,
  { counts, limit, source, heartbeat, bodies, connection }: WriterNumbers,
): void {
  metrics.counter('writer_writes_total', 'Writes that were done.', [], () => counts.done)
  metrics.counter(
    'writer_replays_total',
    'Requests answered by what was kept under their Idempotency-Key.',
    [],
    () => counts.replayed,
  )
  metrics.counter('writer_problems_total', 'Requests answered with a problem, by its code.', ['code'], () =>
    [...counts.problems].map(([code, value]) => ({ labels: { code }, value })),
  )
  metrics.counter(
    'writer_acknowledged_total',
    'Operations that a majority of the database acknowledged.',
    [],
    () => limit.acknowledged,
  )
  metrics.gauge('writer_in_flight', 'Writes that are under way.', [], () => limit.inFlight)
  metrics.gauge(
    'writer_bodies_bytes',
    'Bytes of the bodies that are received, written or answered now.',
    [],
    () => bodies.takenBytes,
  )
  metrics.gauge('writer_heartbeat_failing', '1 while the database does not take the heartbeat.', [], () =>
    heartbeat.failing ? 1 : 0,
  )
  metrics.counter(
    'writer_connection_renewals_total',
    'How often the clients of the database were made anew, because they had lost their servers.',
    [],
    () => connection.renewals,
  )
  metrics.gauge('writer_source_known', '1 while it is known which source is written to.', [], () =>
    source.source === undefined ? 0 : 1,
  )
}
