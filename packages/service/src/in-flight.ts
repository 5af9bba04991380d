import { ByteBudget, type BytePart, type Clock } from '@freshet/kit'
import type { Metrics } from './metrics.ts'

/**
 * One memory budget for all work in progress, outside of the caches. Apps create parts of {@link budget} for their own
 * use; the parts here are common to all services.
 */
export interface InFlight {
  readonly budget: ByteBudget
  /** Queued pipelined requests. */
  readonly heads: BytePart
  /** Request bodies, as received so far. */
  readonly bodies: BytePart
  /** Large responses that clients have not read yet. */
  readonly answers: BytePart
}

/** Caps, so that no part can starve the others: large uploads must not keep responses from being sent. */
const HEADS_SHARE = 1 / 8
const BODIES_SHARE = 1 / 2
const ANSWERS_SHARE = 1 / 2

export function openInFlight(maxBytes: number, clock: Clock): InFlight {
  const budget = new ByteBudget({ maxBytes, clock })
  return {
    budget,
    heads: budget.part('heads', maxBytes * HEADS_SHARE),
    bodies: budget.part('bodies', maxBytes * BODIES_SHARE),
    answers: budget.part('answers', maxBytes * ANSWERS_SHARE),
  }
}

/** Registers the metrics of each part, read at scrape time. */
export function addInFlightMetrics(metrics: Metrics, budget: ByteBudget): void {
  const of = (figure: 'takenBytes' | 'waiting' | 'refused' | 'revoked') => () =>
    budget.stats().map(({ part, [figure]: value }) => ({ labels: { part }, value }))
  metrics.gauge('in_flight_limit_bytes', 'Limit of bytes in progress.', [], () => budget.maxBytes)
  metrics.gauge('in_flight_bytes', 'Bytes in progress.', ['part'], of('takenBytes'))
  metrics.gauge('in_flight_waiting', 'Requests that wait for memory.', ['part'], of('waiting'))
  const refused = 'Requests for memory that were refused or timed out.'
  metrics.counter('in_flight_refused_total', refused, ['part'], of('refused'))
  const ended = 'Stalled bodies and responses that were dropped to free memory for others.'
  metrics.counter('in_flight_ended_total', ended, ['part'], of('revoked'))
}
