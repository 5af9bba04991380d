// G4.7 fails without this file: an examination reports every layer as in force.
import { MongoClient } from 'mongodb'
import { deleteNothing, proveVeto } from './canary.ts'
import { seedsOf } from './client.ts'
import { guardErrorOf } from './driver-errors.ts'
import { failures, GuardError, type GuardErrorCode } from './errors.ts'
import { alsoReadsOf, clientFor, type OpenOptions } from './open.ts'
import {
  excess,
  harmlessActions,
  isUnauthorized,
  privilegeFault,
  readStanding,
  type Readable,
  type Standing,
} from './preflight.ts'

/** The result of testing one layer. Layers that no process can test (G1, a property of the build) are not included. */
export interface LayerFinding {
  /** As in `SPEC.md`. */
  readonly layer: 'G3' | 'G4'
  readonly name: string
  readonly stands: boolean
  /** What was tried, and the result. */
  readonly seen: string
  /** What to do if the layer does not hold. */
  readonly remedy: string | undefined
}

/** One right of the user. */
export interface GrantFinding {
  /** The resource as the server reports it, as JSON. */
  readonly resource: string
  readonly action: string
  /** Why a reader may have it; `undefined` if it may not. */
  readonly harmless: string | undefined
}

/** The protection between a reader's credentials and a write, tested by a process that has them. */
export interface Examination {
  readonly user: string | undefined
  readonly roles: readonly string[]
  readonly layers: readonly LayerFinding[]
  readonly grants: readonly GrantFinding[]
}

/**
 * Like `openReadConnection`, but reports on every layer instead of stopping at the first failure, and leaves nothing
 * open. @throws {GuardError} BAD_ADDRESS, UNREACHABLE, NOT_AUTHENTICATED
 */
export async function examine(options: OpenOptions): Promise<Examination> {
  const { client, refusals } = clientFor(options)
  const seeds = seedsOf(client)
  const readable = { database: options.database, alsoReads: alsoReadsOf(options) }
  try {
    await client.connect()
    const veto = await faultOf(proveVeto(client, options.database, refusals))
    const standing = await readStanding(client, options.database)
    const role =
      privilegeFault(standing, readable, options.accessControl ?? 'required') ??
      (await unguardedFault(options, standing))
    return {
      user: standing.user,
      roles: standing.roles,
      layers: [
        finding('G3', 'veto', veto, 'a canary insert was refused before it was sent'),
        finding(
          'G4',
          'role',
          role,
          `the server refused a delete without the veto, and the user can only read: ${standing.roles.join(', ')}`,
        ),
      ],
      grants: grantsOf(standing, readable),
    }
  } catch (error) {
    throw guardErrorOf(error, seeds)
  } finally {
    await client.close()
  }
}

/** Tries a write without the veto, which the server itself must reject. */
async function unguardedFault(
  { uri, database, appName, connectTimeoutMs = 5_000 }: OpenOptions,
  { accessControl }: Standing,
): Promise<GuardError | undefined> {
  await using client = new MongoClient(uri, { appName, serverSelectionTimeoutMS: connectTimeoutMs })
  const error = await deleteNothing(client, database).then(
    () => 'nothing',
    (reason: unknown) => reason,
  )
  if (isUnauthorized(error)) return undefined
  return new GuardError(
    accessControl === 'absent' ? 'NO_ACCESS_CONTROL' : 'PRIVILEGE',
    `expected code 13 for a delete without the veto, got: ${String(error)}`,
  )
}

function finding(
  layer: LayerFinding['layer'],
  name: string,
  fault: GuardError | undefined,
  seen: string,
): LayerFinding {
  if (fault === undefined) return { layer, name, stands: true, seen, remedy: undefined }
  return { layer, name, stands: false, seen: fault.what, remedy: failures[fault.code].remedy }
}

const ofVeto: ReadonlySet<GuardErrorCode> = new Set(['VETO_MISSING'])

async function faultOf(proof: Promise<unknown>): Promise<GuardError | undefined> {
  try {
    await proof
    return undefined
  } catch (error) {
    if (error instanceof GuardError && ofVeto.has(error.code)) return error
    throw error
  }
}

function grantsOf({ privileges }: Standing, readable: Readable): readonly GrantFinding[] {
  return privileges.flatMap((privilege) =>
    privilege.actions.map((action) => ({
      resource: privilege.resource,
      action,
      harmless: excess(privilege, action, readable) === undefined ? harmlessActions[action] : undefined,
    })),
  )
}
