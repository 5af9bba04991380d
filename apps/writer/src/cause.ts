import {
  describeLineage,
  headers as names,
  loopFault,
  noLineage,
  parseLineage,
  ProblemError,
  type Lineage,
  type LoopFault,
} from '@freshet/protocol'
import type { IncomingHttpHeaders } from 'node:http'

const says: Record<LoopFault, (handler: string, collection: string, maxHops: number) => string> = {
  undeclared: (handler, collection) => `${handler} did not declare that it writes ${collection}`,
  'own-entry': (handler) => `${handler} heard of what it caused itself`,
  'too-many-hops': (handler, _, maxHops) => `${handler} is further than ${maxHops} from a write of nobody's`,
}

/** Which handlers a request descends from. @throws {ProblemError} bad-header */
export function readCause(headers: IncomingHttpHeaders): Lineage {
  const hops = headers[names.hops]
  const cause = headers[names.cause]
  if (hops === undefined && cause === undefined) return noLineage
  const lineage = typeof cause === 'string' ? parseLineage(cause) : undefined
  if (lineage === undefined)
    throw new ProblemError('bad-header', {
      detail: `Wanted ${names.cause} as a list of at most 16 hops: service/handler;heard="a/1";writes="b".`,
    })
  if (hops !== undefined && hops !== String(lineage.length))
    throw new ProblemError('bad-header', {
      detail: `Wanted as many ${names.hops} as ${names.cause} names, ${lineage.length}.`,
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
