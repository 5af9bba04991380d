import type { Lineage } from './lineage.ts'

/**
 * Why a write caused by a change is not allowed. `undeclared`: the handler did not declare the collection. `own-entry`:
 * the handler received something it caused itself. `too-many-hops`: too many handlers since the original write.
 */
export type LoopFault = 'undeclared' | 'own-entry' | 'too-many-hops'

/**
 * Checks a write to `collection` by the last hop of its lineage. Pure. The writer and watched clients apply the same
 * rule. A chain without a repeated handler is not a cycle; a cycle ends after at most `maxHops` writes.
 */
export function loopFault(lineage: Lineage, collection: string, maxHops: number): LoopFault | undefined {
  const last = lineage.at(-1)
  if (last === undefined) return undefined
  if (!last.writes.includes(collection)) return 'undeclared'
  if (lineage.slice(0, -1).some(({ handler }) => handler === last.handler)) return 'own-entry'
  return lineage.length > maxHops ? 'too-many-hops' : undefined
}
