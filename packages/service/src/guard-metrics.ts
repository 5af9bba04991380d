import type { Metrics } from './metrics.ts'

/** What keeps a service from writing to the database that it reads, for `/statusz` and metrics. */
export interface GuardReport {
  /** Which layers are in force. */
  readonly layers: Readonly<Record<string, 'standing' | 'absent'>>
  /** Why reading is stopped until the fault is fixed; `undefined`: no fault. */
  readonly fault: string | undefined
  readonly refusals: Readonly<Record<string, number>>
  /** How often database clients were recreated after they lost all servers. */
  readonly renewals: number
  /** The state of the database clients, by purpose. */
  readonly client?: Readonly<Record<string, string>>
}

/**
 * Registers the metrics of a guard, read at scrape time.
 * @param refusedMethods HTTP requests that were refused because only reads are served; without it, they are not counted here.
 */
export function addGuardMetrics(
  metrics: Metrics,
  guard: () => GuardReport,
  refusedMethods?: () => number,
): void {
  metrics.counter('guard_refusals_total', 'Attempts to write that were refused.', ['layer', 'what'], () => [
    ...(refusedMethods ? [{ labels: { layer: 'http', what: 'method' }, value: refusedMethods() }] : []),
    ...Object.entries(guard().refusals).map(([what, value]) => ({
      labels: { layer: 'database', what },
      value,
    })),
  ])
  metrics.gauge('guard_layer_standing', '1 for each layer of the guard that is in force.', ['layer'], () =>
    Object.entries(guard().layers).map(([layer, state]) => ({
      labels: { layer },
      value: state === 'standing' ? 1 : 0,
    })),
  )
  metrics.counter(
    'database_client_renewals_total',
    'Clients recreated because every server had left the replica set or joined another.',
    [],
    () => guard().renewals,
  )
}
