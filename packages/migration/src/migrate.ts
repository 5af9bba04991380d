import { causesCollection, controlCollection } from '@freshet/mongodb-rules'
import { rolesOf } from '@freshet/roles'
import { asAdmin } from './admin.ts'
import { makeCollections, makeInternals } from './collections.ts'
import { makeControlDocuments } from './control.ts'
import { MigrationError } from './errors.ts'
import { makeRoles } from './grants.ts'
import { makeUsers, requireOwnUsers } from './users.ts'
import type { Passwords } from './users.ts'

/** What a database is to become. */
export interface MigrationOptions {
  /** Address with a user that may create collections, roles and users; no service ever holds it. */
  readonly uri: string
  readonly database: string
  /** Names of the collections that have a collection file. */
  readonly collections: readonly string[]
  readonly passwords: Passwords
  /** Refuses a database whose users are there with other passwords, before anything is made. */
  readonly ownUsersOnly?: boolean
  /** Ends it at once, wherever it is; doing it again later finishes it. */
  readonly signal?: AbortSignal
}

/** What a migration did. */
export interface MigrationResult {
  /** One line for each thing that was made or changed; empty when the database was in its form already. */
  readonly changes: readonly string[]
  /** The passwords that are known after it: those that were given, and those that were made for new users. */
  readonly passwords: Passwords
}

/**
 * Brings a database into the form that writer and readers need: collections, control documents, roles and one user
 * for each role. Doing it twice changes nothing; it never removes anything but privileges. Costs some 20 commands.
 * Nothing is made on a server that Freshet cannot work with.
 * @throws {MigrationError} RESERVED_NAME, USERS_OF_OTHERS, NOT_ALLOWED, and what `asAdmin` throws
 */
export async function migrate(options: MigrationOptions): Promise<MigrationResult> {
  const { uri, database, collections } = options
  const own = [controlCollection, causesCollection]
  const reserved = own.find((name) => collections.includes(name))
  if (reserved !== undefined)
    throw new MigrationError('RESERVED_NAME', `no collection may be called ${reserved}.`)
  return asAdmin(uri, options.signal, async (client) => {
    const db = client.db(database)
    const roles = rolesOf(database, collections)
    if (options.ownUsersOnly === true) await requireOwnUsers({ client, uri, database }, options.passwords)
    const made = [
      ...(await makeCollections(db, [...own, ...collections])),
      ...(await makeControlDocuments(db)),
      ...(await makeInternals(client, database)),
      ...(await makeRoles(client, roles)),
    ]
    const users = await makeUsers({ client, uri, database }, roles, options.passwords)
    return { changes: [...made, ...users.changes], passwords: users.passwords }
  })
}
