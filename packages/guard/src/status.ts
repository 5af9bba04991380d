import { processOnlyReads } from './handlers/cause.ts'
import type { Standing } from './preflight.ts'
import type { RefusalReason } from './refusals.ts'

/** What an operator sees of the guard: which walls stand, and what ran against them since the start. */
export interface GuardStatus {
  readonly layers: {
    /** Refused verbs have no call signature; holds wherever the code was compiled. */
    readonly type: 'standing'
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
  standing: Standing,
  refusals: Readonly<Record<RefusalReason, number>>,
): GuardStatus {
  const role = standing.accessControl === 'required' ? 'standing' : 'absent'
  return {
    layers: { type: 'standing', veto: 'standing', role, lineage: processOnlyReads() ? 'standing' : 'absent' },
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
  return `guard: types stand, veto stands, ${role}, ${lineage}`
}
