import { processOnlyReads } from './handlers/cause.ts'
import type { Standing } from './preflight.ts'
import type { RefusalReason } from './refusals.ts'

/** What was found out at the start. */
export interface Proved {
  readonly veto: 'standing'
  readonly standing: Standing
}

/**
 * What an operator sees of the guard: which walls stand, and what ran against them since the start. The types (G1) are not
 * among them: they are a fact of the build, and no process can measure them.
 */
export interface GuardStatus {
  readonly layers: {
    /** The canary was refused before it left. */
    readonly veto: 'standing'
    /** `standing`: the server enforces a role that can only read. `absent`: it enforces nothing. */
    readonly role: 'standing' | 'absent'
    /** `standing`: the process said that it only reads, so no writer takes what it sends. */
    readonly lineage: 'standing' | 'absent'
  }
  readonly user: string | undefined
  readonly roles: readonly string[]
  readonly refusals: Readonly<Record<RefusalReason, number>>
}

/** Put together from what was proved at the start and what was counted since. */
export function guardStatus(
  { veto, standing }: Proved,
  refusals: Readonly<Record<RefusalReason, number>>,
): GuardStatus {
  const role = standing.accessControl === 'required' ? 'standing' : 'absent'
  return {
    layers: { veto, role, lineage: processOnlyReads() ? 'standing' : 'absent' },
    user: standing.user,
    roles: standing.roles,
    refusals,
  }
}

/** The line that a process writes when its guard is up. */
export function guardLine({ layers, user, roles }: GuardStatus): string {
  const role =
    layers.role === 'standing' ? `role stands (${user}, ${roles.join(', ')})` : 'NO ROLE: no access control'
  const lineage = layers.lineage === 'standing' ? 'lineage stands' : 'lineage for handlers alone'
  return `guard: veto stands, ${role}, ${lineage}`
}
