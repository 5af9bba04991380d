import { ByteBudget, type BytePart, type Clock } from '@freshet/kit'
import type { Metrics } from './metrics.ts'

/**
 * The bytes that a process holds beside its heap for what is under way, in one budget. Parts of an app's own are made of
 * {@link budget}; those here belong to every service.
 */
export interface InFlight {
  readonly budget: ByteBudget
  /** Heads of requests that were sent ahead of the answers before them. */
  readonly heads: BytePart
  /** Bodies of requests, as far as they have come. */
  readonly bodies: BytePart
  /** Large answers that clients have not taken yet. */
  readonly answers: BytePart
}

/** Nobody can take the room of all others: who sends much does not keep answers from leaving. */
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

/** Registers what each part has; it is read at each scrape and costs nothing before. */
export function addInFlightMetrics(metrics: Metrics, budget: ByteBudget): void {
  const of = (figure: 'takenBytes' | 'waiting' | 'refused' | 'revoked') => () =>
    budget.stats().map(({ part, [figure]: value }) => ({ labels: { part }, value }))
  metrics.gauge('in_flight_limit_bytes', 'Bytes that may be under way.', [], () => budget.maxBytes)
  metrics.gauge('in_flight_bytes', 'Bytes that are under way.', ['part'], of('takenBytes'))
  metrics.gauge('in_flight_waiting', 'Requests that wait for room.', ['part'], of('waiting'))
  const refused = 'Times that there was no room, in time.'
  metrics.counter('in_flight_refused_total', refused, ['part'], of('refused'))
  const ended = 'Bodies and answers that did not move and were cut off to make room for others.'
  metrics.counter('in_flight_ended_total', ended, ['part'], of('revoked'))
}
