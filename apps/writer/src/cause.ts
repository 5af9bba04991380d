import {
  describeLineage,
  headers as names,
  loopFault,
  noLineage,
  parseLineage,
  ProblemError,
  serviceOf,
  type Lineage,
  type LoopFault,
} from '@freshet/protocol'
import type { IncomingHttpHeaders } from 'node:http'

const says: Record<LoopFault, (handler: string, collection: string, maxHops: number) => string> = {
  undeclared: (handler, collection) => `${handler} did not declare writes to ${collection}`,
  'own-entry': (handler) => `${handler} received a change that it caused itself`,
  'too-many-hops': (handler, _, maxHops) =>
    `${handler} is too far from the original write (--max-hops=${maxHops})`,
}

/** Whether a request has a cause, well-formed or not. */
export function hasCause(headers: IncomingHttpHeaders): boolean {
  return headers[names.hops] !== undefined || headers[names.cause] !== undefined
}

/**
 * Parses the lineage of a request. A write without a cause sends no headers; zero hops are refused, because a handler
 * could hide behind them. @throws {ProblemError} bad-header
 */
export function readCause(headers: IncomingHttpHeaders): Lineage {
  if (!hasCause(headers)) return noLineage
  const hops = headers[names.hops]
  const cause = headers[names.cause]
  const lineage = typeof cause === 'string' ? parseLineage(cause) : undefined
  if (lineage === undefined || lineage.length === 0)
    throw new ProblemError('bad-header', {
      detail: `Expected ${names.cause} as a list of 1 to 16 hops: service/handler;heard="a/1";writes="b".`,
    })
  if (hops !== undefined && hops !== String(lineage.length))
    throw new ProblemError('bad-header', {
      detail: `Expected ${names.hops} to be ${lineage.length}, the number of hops in ${names.cause}.`,
    })
  return lineage
}

/** @throws {ProblemError} write-loop */
export function expectNoLoop(lineage: Lineage, collection: string, maxHops: number): void {
  const fault = loopFault(lineage, collection, maxHops)
  if (fault === undefined) return
  const handler = lineage.at(-1)?.handler ?? ''
  throw new ProblemError('write-loop', {
    detail: `${says[fault](handler, collection, maxHops)}: ${describeLineage(lineage)}.`,
  })
}

/**
 * A cause suppresses handlers, so it is accepted only with a token that writes for the last of them. Such a token must
 * send it with every write, so that a handler that loses its cause is refused the first time. @param handlers the
 * services that the caller writes for. @throws {ProblemError} forbidden
 */
export function expectMayClaim(lineage: Lineage, handlers: readonly string[] | 'all'): void {
  if (handlers === 'all') return
  const last = lineage.at(-1)
  if (last !== undefined && !handlers.includes(serviceOf(last)))
    throw new ProblemError('forbidden', {
      detail: `The token does not write for handlers of ${serviceOf(last)}: its claim freshet_handlers must name that service.`,
    })
  if (last === undefined && handlers.length > 0)
    throw new ProblemError('forbidden', {
      detail:
        `The token writes for handlers of ${handlers.join(', ')} (freshet_handlers), but the request does not say ` +
        `which one: send ${names.hops} and ${names.cause}, or use a token without that claim outside of handlers.`,
    })
}
