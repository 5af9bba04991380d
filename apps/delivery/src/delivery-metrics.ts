import { addGuardMetrics, type GuardReport, type Metrics, type Sample } from '@freshet/service'
import type { FeedStatus } from './backend/feed.ts'
import type { DeliveryFigures } from './delivery.ts'

/** The app's part of `/statusz`. */
export interface DeliveryStatus extends DeliveryFigures {
  readonly streams: number
  readonly feed: FeedStatus
  readonly guard: GuardReport
}

/** Registers the metrics of a delivery service, read at scrape time. `healthy`: the service is ready. */
export function addDeliveryMetrics(
  metrics: Metrics,
  status: () => DeliveryStatus,
  healthy: () => boolean,
): void {
  metrics.gauge('delivery_connections', 'Connected clients, by transport.', ['transport'], () => {
    const { connections, streams } = status()
    return labelled('transport', { sse: streams, websocket: connections - streams })
  })
  metrics.gauge('delivery_users', 'Users who are connected or connecting.', [], () => status().users)
  metrics.counter(
    'delivery_sent_total',
    'Messages and cursors sent live to clients.',
    [],
    () => status().deliveries,
  )
  metrics.counter('delivery_closes_total', 'Connections that ended, by reason.', ['reason'], () =>
    labelled('reason', status().closes),
  )
  metrics.gauge(
    'delivery_buffered_bytes',
    'Bytes that wait for clients of web-sockets.',
    [],
    () => status().bufferedBytes,
  )
  metrics.gauge('delivery_ring_bytes', 'Memory of the messages for recovery.', [], () => status().ring.bytes)
  metrics.gauge(
    'delivery_ring_seconds',
    'How far back a client can recover.',
    [],
    () => status().ring.windowSeconds,
  )
  metrics.gauge('delivery_feed_healthy', '1 while the feed is current and the service is ready.', [], () =>
    healthy() ? 1 : 0,
  )
  metrics.gauge(
    'delivery_feed_proof_age_seconds',
    'Time since everything stored was last proved to have arrived; absent before the first proof.',
    [],
    () => {
      const { ageMs } = status().feed
      return ageMs === undefined ? [] : ageMs / 1_000
    },
  )
  metrics.gauge(
    'delivery_feed_alive_age_seconds',
    'Time since a message or a heartbeat of a writer showed a majority of the database alive; absent before the first proof.',
    [],
    () => {
      const { aliveAgeMs } = status().feed
      return aliveAgeMs === undefined ? [] : aliveAgeMs / 1_000
    },
  )
  metrics.gauge(
    'delivery_feed_lag_seconds',
    'How far the position lags; up to 10 s without writes.',
    [],
    () => status().feed.lagSeconds ?? [],
  )
  metrics.counter(
    'delivery_feed_restarts_total',
    'Times that the feed was lost or had a gap, and all clients were disconnected.',
    [],
    () => status().feed.restarts,
  )
  metrics.counter('delivery_feed_breaks_total', 'Times that the feed broke, by code.', ['code'], () =>
    labelled('code', status().feed.breaks),
  )
  metrics.counter(
    'delivery_unreadable_total',
    'Changes that were skipped because they could not be read.',
    ['collection'],
    () => labelled('collection', status().feed.unreadable),
  )
  addGuardMetrics(metrics, () => status().guard)
}

function labelled(label: string, numbers: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(numbers).map(([name, value]) => ({ labels: { [label]: name }, value }))
}
