// G4.8 fails without this file: the status does not say why nothing is read.
import type { Standing } from './preflight.ts'
import type { RefusalReason } from './refusals.ts'

/** What was found out at the last look. */
export interface Proved {
  readonly veto: 'standing' | 'absent'
  readonly standing: Standing
  /** Why nothing may be sent. */
  readonly fault: string | undefined
}

/** What becomes of the client, which is made anew when it has lost its last server. */
export interface ClientStatus {
  readonly client: 'current' | 'renewing' | 'closed'
  /** How often a new one took the place of an old one. */
  readonly renewals: number
}

/**
 * What an operator sees of the guard: which walls stand, and what ran against them since the start. The types (G1) are not
 * among them: they are a fact of the build, and no process can measure them.
 */
export interface GuardStatus extends ClientStatus {
  readonly layers: {
    /** The canary was refused before it left. */
    readonly veto: 'standing' | 'absent'
    /** `standing`: the server enforces a role that can only read. `absent`: it enforces nothing, or too large a role. */
    readonly role: 'standing' | 'absent'
  }
  /** Why every command is refused, until a look finds it mended; `undefined`: none is. */
  readonly fault: string | undefined
  readonly user: string | undefined
  readonly roles: readonly string[]
  readonly refusals: Readonly<Record<RefusalReason, number>>
}

/** Put together from what was proved at the last look and what was counted since the start. */
export function guardStatus(
  proved: Proved,
  client: ClientStatus,
  refusals: Readonly<Record<RefusalReason, number>>,
): GuardStatus {
  const { standing, veto, fault } = proved
  return {
    layers: { veto, role: roleOf(proved) },
    fault,
    user: standing.user,
    roles: standing.roles,
    refusals,
    ...client,
  }
}

function roleOf({ standing, veto, fault }: Proved): 'standing' | 'absent' {
  if (standing.accessControl === 'absent') return 'absent'
  return fault === undefined || veto === 'absent' ? 'standing' : 'absent'
}

/** The line that a process writes when its guard is up, and when that changes. */
export function guardLine(proved: Proved): string {
  const { standing, fault } = proved
  if (fault !== undefined) return `guard: NOTHING IS READ: ${fault}`
  const role =
    roleOf(proved) === 'standing'
      ? `role stands (user ${standing.user}, roles ${standing.roles.join(', ')})`
      : 'NO ROLE: no access control'
  return `guard: veto stands, ${role}`
}
