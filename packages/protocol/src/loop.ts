import type { Lineage } from './lineage.ts'

/**
 * Why a write that descends from a change must not be done. `undeclared`: its handler did not say that it writes this
 * collection. `own-entry`: the handler heard of something that it caused itself. `too-many-hops`: further from a write
 * of nobody's than is allowed.
 */
export type LoopFault = 'undeclared' | 'own-entry' | 'too-many-hops'

/**
 * Judges a write to `collection` by the last hop of its lineage. Pure; the same rule at the writer and before a
 * service's own client. A chain without a repeated handler is no cycle and is not stopped for one; a cycle ends after
 * `maxHops` writes at the latest.
 */
export function loopFault(lineage: Lineage, collection: string, maxHops: number): LoopFault | undefined {
  const last = lineage.at(-1)
  if (last === undefined) return undefined
  if (!last.writes.includes(collection)) return 'undeclared'
  if (lineage.slice(0, -1).some(({ handler }) => handler === last.handler)) return 'own-entry'
  return lineage.length > maxHops ? 'too-many-hops' : undefined
}
