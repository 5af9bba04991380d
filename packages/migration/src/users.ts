import { randomBytes } from 'node:crypto'
import { roleNames } from '@freshet/roles'
import type { Role, RoleName } from '@freshet/roles'
import { MongoClient, MongoServerError } from 'mongodb'
import type { Document } from 'mongodb'
import { refusalOf } from '@freshet/mongodb-rules'
import { MigrationError } from './errors.ts'
import { firstOf } from './grants.ts'
import { withCredentials } from './uri.ts'

/** Passwords to set. A role without one keeps its user's password, or gets a random one when the user is new. */
export type Passwords = Partial<Readonly<Record<RoleName, string>>>

/** What was done, and the passwords that were set by it: a password that was kept is not known here. */
export interface UserChanges {
  readonly changes: readonly string[]
  readonly passwords: Passwords
}

/** Makes one user for each role, in the application's database; each has exactly the roles of its name. */
export async function makeUsers(
  admin: { readonly client: MongoClient; readonly uri: string; readonly database: string },
  roles: readonly Role[],
  wanted: Passwords,
): Promise<UserChanges> {
  const db = admin.client.db(admin.database)
  const changes: string[] = []
  const passwords: Partial<Record<RoleName, string>> = {}
  for (const user of roleNames) {
    const granted = roles
      .filter(({ name }) => name === user)
      .map(({ name, database }) => ({ role: name, db: database }))
    const present = firstOf(await db.command({ usersInfo: user }), 'users')
    const given = wanted[user]
    if (present === undefined) {
      const pwd = given ?? randomBytes(24).toString('base64url')
      await db.command({ createUser: user, pwd, roles: granted })
      passwords[user] = pwd
      changes.push(`user ${user}@${admin.database}`)
      continue
    }
    if (!sameRoles(present, granted)) {
      await db.command({ updateUser: user, roles: granted })
      changes.push(`roles of user ${user}@${admin.database}`)
    }
    if (given !== undefined) {
      passwords[user] = given
      if (await logsIn(withCredentials(admin.uri, { user, password: given, database: admin.database })))
        continue
      await db.command({ updateUser: user, pwd: given })
      changes.push(`password of user ${user}@${admin.database}`)
    }
  }
  return { changes, passwords }
}

/**
 * Sees that no user is there already with another password than the wanted one, which somebody may use.
 * @throws {MigrationError} USERS_OF_OTHERS
 */
export async function requireOwnUsers(
  admin: { readonly client: MongoClient; readonly uri: string; readonly database: string },
  wanted: Passwords,
): Promise<void> {
  const { client, uri, database } = admin
  for (const user of roleNames) {
    if (firstOf(await client.db(database).command({ usersInfo: user }), 'users') === undefined) continue
    const password = wanted[user]
    if (password !== undefined && (await logsIn(withCredentials(uri, { user, password, database })))) continue
    throw new MigrationError(
      'USERS_OF_OTHERS',
      `the user ${user}@${database} is there, with another password.`,
    )
  }
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

/** Whether these credentials are taken: asked, since setting an equal password again would end running sessions. */
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
