import type { Replica, ReplicaStatus } from '@freshet/replica'
import { addGuardMetrics, type GuardReport, type Metrics } from '@freshet/service'

type Numbers = {
  readonly [Key in keyof ReplicaStatus as ReplicaStatus[Key] extends number ? Key : never]: number
}

const counters: Readonly<Record<string, readonly [keyof Numbers, string]>> = {
  replica_hits_total: ['hits', 'Documents that were cached when they were requested.'],
  replica_misses_total: ['misses', 'Documents that were not cached when they were requested.'],
  replica_fills_total: ['fills', 'Reads of the database for documents that were not cached.'],
  replica_refreshes_total: [
    'refreshes',
    'Cached documents read again because another program changed them in place.',
  ],
  replica_refills_total: ['refills', 'Fills repeated because the document changed meanwhile.'],
  replica_evictions_total: ['evictions', 'Entries evicted to free memory.'],
  replica_changes_applied_total: ['changesApplied', 'Changes applied from the feed.'],
  replica_reopens_total: ['reopens', 'Times that the feed was resumed.'],
}

/** Registers the metrics of a reader, read at scrape time. */
export function addReaderMetrics(
  metrics: Metrics,
  replica: Pick<Replica<unknown>, 'status'>,
  guard: () => GuardReport,
  refusedMethods: () => number,
): void {
  for (const [name, [key, help]] of Object.entries(counters))
    metrics.counter(name, help, [], () => replica.status()[key])
  metrics.gauge('replica_entries', 'Cached entries.', [], () => replica.status().entries)
  metrics.gauge(
    'replica_bytes',
    'Cache bytes in use, including documents in transit.',
    [],
    () => replica.status().bytes,
  )
  metrics.gauge(
    'replica_budget_bytes',
    'The memory for cached documents: --cache-size.',
    [],
    () => replica.status().maxBytes,
  )
  metrics.gauge(
    'replica_epoch',
    'Times that the feed restarted with a gap.',
    [],
    () => replica.status().epoch,
  )
  metrics.gauge(
    'replica_proof_age_seconds',
    'Time since the state was last proved current; absent before the first proof.',
    [],
    () => {
      const { ageMs } = replica.status()
      return ageMs === undefined ? [] : ageMs / 1_000
    },
  )
  metrics.gauge('replica_proved', '1 while the last heartbeat from a majority is recent.', [], () =>
    replica.status().proved ? 1 : 0,
  )
  metrics.gauge('replica_state', '1 for the current state of the replica.', ['state'], () => [
    { labels: { state: replica.status().state.kind }, value: 1 },
  ])
  metrics.counter('replica_resyncs_total', 'Times that the whole cache was dropped.', ['reason'], () =>
    Object.entries(replica.status().resyncs).map(([reason, value]) => ({ labels: { reason }, value })),
  )
  addGuardMetrics(metrics, guard, refusedMethods)
}
