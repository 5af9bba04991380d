// G4.8 fails without this file: the status does not say why nothing is read.
import type { Standing } from './preflight.ts'
import type { RefusalReason } from './refusals.ts'

/** The result of the last verification. */
export interface Proved {
  readonly veto: 'standing' | 'absent'
  readonly standing: Standing
  /** Why nothing may be sent, if so. */
  readonly fault: string | undefined
}

/** The client's state. It is recreated when it has lost its last server. */
export interface ClientStatus {
  readonly client: 'current' | 'renewing' | 'closed'
  /** How often the client was recreated. */
  readonly renewals: number
}

/**
 * The guard as operators see it: which layers hold, and what they refused since the start. The types (G1) are not
 * included: they are a property of the build that no process can measure.
 */
export interface GuardStatus extends ClientStatus {
  readonly layers: {
    /** `standing`: the canary was refused before it was sent. */
    readonly veto: 'standing' | 'absent'
    /** `standing`: the server enforces a read-only role. `absent`: it enforces nothing, or the role is too large. */
    readonly role: 'standing' | 'absent'
  }
  /** Why every command is refused, until a verification succeeds; `undefined` if none is. */
  readonly fault: string | undefined
  readonly user: string | undefined
  readonly roles: readonly string[]
  readonly refusals: Readonly<Record<RefusalReason, number>>
}

/** Combines the last verification with the counts since the start. */
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

/** The log line for when the guard is up, and for changes. */
export function guardLine(proved: Proved): string {
  const { standing, fault } = proved
  if (fault !== undefined) return `guard: NOTHING IS READ: ${fault}`
  const role =
    roleOf(proved) === 'standing'
      ? `role in force (user ${standing.user}, roles ${standing.roles.join(', ')})`
      : 'NO ROLE: no access control'
  return `guard: veto in force, ${role}`
}
