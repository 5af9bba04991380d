import { randomBytes } from 'node:crypto'
import { roleNames } from '@freshet/roles'
import type { Role, RoleName } from '@freshet/roles'
import { MongoClient, MongoServerError } from 'mongodb'
import type { Document } from 'mongodb'
import { refusalOf } from '@freshet/mongodb-rules'
import { MigrationError } from './errors.ts'
import { firstOf } from './grants.ts'
import { withCredentials } from './uri.ts'

/** Passwords to set. An omitted user keeps its password, or gets a random one if it is new. */
export type Passwords = Partial<Readonly<Record<RoleName, string>>>

/** Names of users that differ from those of their roles. With a second user, credentials can be replaced without a gap. */
export type UserNames = Partial<Readonly<Record<RoleName, string>>>

/** What changed, and the passwords that are known: provided or generated ones. */
export interface UserChanges {
  readonly changes: readonly string[]
  readonly passwords: Passwords
}

/** Creates or updates one user for each role, in the application database. Each has exactly the roles of this name. */
export async function syncUsers(
  admin: { readonly client: MongoClient; readonly uri: string; readonly database: string },
  roles: readonly Role[],
  wanted: Passwords,
  names: UserNames = {},
): Promise<UserChanges> {
  const db = admin.client.db(admin.database)
  const changes: string[] = []
  const passwords: Partial<Record<RoleName, string>> = {}
  for (const roleName of usersOf(roles)) {
    const user = names[roleName] ?? roleName
    const granted = grantedTo(roleName, roles)
    const present = firstOf(await db.command({ usersInfo: user }), 'users')
    const provided = wanted[roleName]
    if (present === undefined) {
      const pwd = provided ?? randomBytes(24).toString('base64url')
      await db.command({ createUser: user, pwd, roles: granted })
      passwords[roleName] = pwd
      changes.push(`user ${user}@${admin.database}`)
      continue
    }
    if (!sameRoles(present, granted)) {
      await db.command({ updateUser: user, roles: granted })
      changes.push(`roles of user ${user}@${admin.database}`)
    }
    if (provided !== undefined) {
      passwords[roleName] = provided
      if (await logsIn(withCredentials(admin.uri, { user, password: provided, database: admin.database })))
        continue
      await db.command({ updateUser: user, pwd: provided })
      changes.push(`password of user ${user}@${admin.database}`)
    }
  }
  return { changes, passwords }
}

/** How the users of the database differ from what `syncUsers` would make, one line for each. Changes nothing. */
export async function userDifferences(
  client: MongoClient,
  database: string,
  roles: readonly Role[],
): Promise<readonly string[]> {
  const found = await Promise.all(
    usersOf(roles).map(async (user) => {
      const present = firstOf(await client.db(database).command({ usersInfo: user }), 'users')
      if (present === undefined) return [`the user ${user}@${database} is missing`]
      return sameRoles(present, grantedTo(user, roles))
        ? []
        : [`the user ${user}@${database} has other roles`]
    }),
  )
  return found.flat()
}

const grantedTo = (user: RoleName, roles: readonly Role[]) =>
  roles.filter(({ name }) => name === user).map(({ name, database }) => ({ role: name, db: database }))

/**
 * Checks that no user exists with a different password, which a running service may be using.
 * @throws {MigrationError} USERS_OF_OTHERS
 */
export async function requireOwnUsers(
  admin: { readonly client: MongoClient; readonly uri: string; readonly database: string },
  roles: readonly Role[],
  wanted: Passwords,
): Promise<void> {
  const { client, uri, database } = admin
  for (const user of usersOf(roles)) {
    if (firstOf(await client.db(database).command({ usersInfo: user }), 'users') === undefined) continue
    const password = wanted[user]
    if (password !== undefined && (await logsIn(withCredentials(uri, { user, password, database })))) continue
    throw new MigrationError('USERS_OF_OTHERS', `the user ${user}@${database} exists with another password.`)
  }
}

function usersOf(roles: readonly Role[]): readonly RoleName[] {
  return roleNames.filter((user) => roles.some(({ name }) => name === user))
}

function sameRoles(
  present: Document,
  granted: readonly { readonly role: string; readonly db: string }[],
): boolean {
  const held: unknown = present['roles']
  const names = Array.isArray(held)
    ? held.map(({ role, db }: Document) => `${String(role)}@${String(db)}`)
    : []
  return (
    names.sort().join() ===
    granted
      .map(({ role, db }) => `${role}@${db}`)
      .sort()
      .join()
  )
}

/** Whether these credentials work. Setting the same password again would end running sessions. */
async function logsIn(uri: string): Promise<boolean> {
  const client = new MongoClient(uri, { maxPoolSize: 1, readPreference: 'primary' })
  try {
    await client.connect()
    return true
  } catch (error) {
    if (error instanceof MongoServerError && refusalOf(error) === 'stranger') return false
    throw error
  } finally {
    await client.close()
  }
}
