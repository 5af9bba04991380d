// G4.2 fails without this file: a user with write privileges gets a connection.
import { type Db, type Document, type MongoClient, MongoServerError, type RunCommandOptions } from 'mongodb'
import { refusalOf } from '@freshet/mongodb-rules'
import { serverOf } from './vetoing-connection.ts'
import { GuardError } from './errors.ts'

/** The server's view of the user and its rights. */
export interface Standing {
  /** The server process that replied; see `serverOf`. */
  readonly server: string | undefined
  /** `required`: the server enforces roles. `absent`: it does not, so no role backs the guard. */
  readonly accessControl: 'required' | 'absent'
  /** `user@database`, or `undefined` without a login. */
  readonly user: string | undefined
  /** `role@database`. */
  readonly roles: readonly string[]
  readonly privileges: readonly Privilege[]
}

/** Actions on one resource. */
interface Privilege {
  readonly resource: string
  /** `undefined`: the resource is not limited to one database. */
  readonly database: string | undefined
  readonly actions: readonly string[]
}

/**
 * Actions that a reader's user may have, and why each is harmless. The reader's own role has the first three; the
 * others come with the built-in role `read`, so that services that embed a replica can use it.
 */
export const harmlessActions: Readonly<Record<string, string>> = {
  find: 'reads documents',
  changeStream: 'reads changes',
  listCollections: 'reads definitions of collections',
  collStats: 'reads sizes',
  dbHash: 'reads checksums',
  dbStats: 'reads sizes',
  killCursors: 'ends reads',
  listIndexes: 'reads definitions of indexes',
  listSearchIndexes: 'reads definitions of search indexes',
  planCacheRead: 'reads query plans',
}

/** A database that no role names: whoever can read it is not restricted by roles. */
export const probeDatabase = 'freshet_probe'
/**
 * Asks the server, with two commands, who we are and whether roles are enforced: a server started without access
 * control also lists users and roles, but ignores them.
 * @throws {GuardError} UNREACHABLE: the reply contains no privileges, which must not be mistaken for an empty list.
 */
export async function readStanding(
  client: MongoClient,
  database: string,
  signal?: AbortSignal,
): Promise<Standing> {
  const options = signal ? { signal } : {}
  const command = { connectionStatus: 1, showPrivileges: true }
  const reply = await client.db(database).command(command, options)
  const authInfo = documentIn(reply, 'authInfo')
  if (!Array.isArray(authInfo['authenticatedUserPrivileges']))
    throw new GuardError(
      'UNREACHABLE',
      'expected the privileges of the user in the reply to connectionStatus',
    )
  return {
    server: serverOf(reply),
    accessControl: (await isRefused(client.db(probeDatabase), options)) ? 'required' : 'absent',
    user: documentsIn(authInfo, 'authenticatedUsers').map(
      (user) => `${text(user, 'user')}@${text(user, 'db')}`,
    )[0],
    roles: documentsIn(authInfo, 'authenticatedUserRoles').map(
      (role) => `${text(role, 'role')}@${text(role, 'db')}`,
    ),
    privileges: documentsIn(authInfo, 'authenticatedUserPrivileges').map(privilegeOf),
  }
}

/** The databases that a user may read: the one being read, and those that belong to it. */
export interface Readable {
  readonly database: string
  readonly alsoReads: readonly string[]
}

/**
 * Why a user may not have an action on a resource, if so. The unit of trust is the database, with those that belong to
 * it: a reader of one must not read another, least of all `admin` (password hashes) and `local` (the oplog of all
 * databases).
 */
export function excess(privilege: Privilege, action: string, readable: Readable): string | undefined {
  if (!Object.hasOwn(harmlessActions, action)) return 'which is more than reading'
  const { database, alsoReads } = readable
  const within = [database, ...alsoReads].some((name) => name === privilege.database)
  return within ? undefined : `which is not in the database ${JSON.stringify(database)}`
}

/**
 * Judges the server's view of a user. Pure.
 * @param accessControl `optional` accepts a server without access control; excessive roles are never accepted.
 * @returns why this process must not start, or `undefined`.
 */
export function privilegeFault(
  standing: Standing,
  readable: Readable,
  accessControl: 'required' | 'optional',
): GuardError | undefined {
  const who = `user ${standing.user ?? '(none)'} with ${standing.roles.join(', ') || 'no role'}`
  for (const privilege of standing.privileges)
    for (const action of privilege.actions) {
      const fault = excess(privilege, action, readable)
      if (fault !== undefined)
        return new GuardError('PRIVILEGE', `${who} may ${action} on ${privilege.resource}, ${fault}`)
    }
  if (standing.accessControl === 'absent') {
    if (accessControl === 'optional') return undefined
    return new GuardError('NO_ACCESS_CONTROL', `${who} can read a database that no role allows`)
  }
  if (standing.user === undefined) return new GuardError('NOT_AUTHENTICATED', 'the address contains no user')
  return undefined
}

async function isRefused(db: Db, options: RunCommandOptions): Promise<boolean> {
  try {
    await db.command({ find: 'nothing', filter: {}, limit: 1, singleBatch: true }, options)
    return false
  } catch (error) {
    if (isUnauthorized(error)) return true
    throw error
  }
}

/** Whether the server rejected something because of the user's roles. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof MongoServerError && refusalOf(error) === 'forbidden'
}

function privilegeOf(privilege: Document): Privilege {
  const resource = documentIn(privilege, 'resource')
  const actions: unknown = privilege['actions']
  return {
    resource: JSON.stringify(resource),
    database: typeof resource['db'] === 'string' && resource['db'] !== '' ? resource['db'] : undefined,
    actions: Array.isArray(actions) ? actions.map(String) : [],
  }
}

function documentIn(parent: Document, key: string): Document {
  const value: unknown = parent[key]
  return isDocument(value) ? value : {}
}

function documentsIn(parent: Document, key: string): readonly Document[] {
  const value: unknown = parent[key]
  return Array.isArray(value) ? value.filter(isDocument) : []
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null
}

function text(parent: Document, key: string): string {
  const value: unknown = parent[key]
  return typeof value === 'string' ? value : ''
}
