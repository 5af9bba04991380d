import { causesCollection, controlCollection } from '@freshet/mongodb-rules'
import { messageRolesOf, rolesOf } from '@freshet/roles'
import { asAdmin } from './admin.ts'
import { createCollections, createInternalCollections, createMessageCollections } from './collections.ts'
import { createControlDocuments, createMessageControlDocuments, hasMessages } from './control.ts'
import { MigrationError } from './errors.ts'
import { syncRoles } from './grants.ts'
import { syncUsers, requireOwnUsers } from './users.ts'
import type { Passwords, UserNames } from './users.ts'

/** Options of `migrate`. */
export interface MigrationOptions {
  /** Address with a user that may create collections, roles and users. Services never have it. */
  readonly uri: string
  readonly database: string
  /** Names of the collections that have a collection file. */
  readonly collections: readonly string[]
  /**
   * Whether to create what messages need: their database, roles and the user of deliveries. A database that has it keeps
   * it. Default: no.
   */
  readonly messages?: boolean
  readonly passwords: Passwords
  /** Names of users that differ from those of their roles. Users with other names are left alone. */
  readonly users?: UserNames
  /** Fails before any change if users exist with other passwords. */
  readonly ownUsersOnly?: boolean
  /** Cancels at any point. Running the migration again completes it. */
  readonly signal?: AbortSignal
}

/** Result of `migrate`. */
export interface MigrationResult {
  /** One line for each change; empty if the database was up to date. */
  readonly changes: readonly string[]
  /** Passwords that were provided, or generated for new users. */
  readonly passwords: Passwords
}

/**
 * Creates what writer and readers need in a database: collections, control documents, roles and one user for each role.
 * Idempotent; removes nothing except privileges. Takes about 20 commands, 45 with messages. Changes nothing on an unsupported server.
 * @throws {MigrationError} RESERVED_NAME, USERS_OF_OTHERS, NOT_ALLOWED, and what `asAdmin` throws
 */
export async function migrate(options: MigrationOptions): Promise<MigrationResult> {
  const { uri, database, collections } = options
  const own = [controlCollection, causesCollection]
  const reserved = own.find((name) => collections.includes(name))
  if (reserved !== undefined)
    throw new MigrationError('RESERVED_NAME', `no collection may be named ${reserved}.`)
  return asAdmin(uri, options.signal, async (client) => {
    const db = client.db(database)
    const messages = options.messages === true || (await hasMessages(client, database))
    const roles = [...rolesOf(database, collections), ...(messages ? messageRolesOf(database) : [])]
    if (options.ownUsersOnly === true)
      await requireOwnUsers({ client, uri, database }, roles, options.passwords)
    const made = [
      ...(await createCollections(db, [...own, ...collections])),
      ...(await createControlDocuments(db)),
      ...(await createInternalCollections(client, database)),
      ...(messages ? await createMessageCollections(client, database) : []),
      ...(messages ? await createMessageControlDocuments(client, database) : []),
      ...(await syncRoles(client, roles)),
    ]
    const users = await syncUsers({ client, uri, database }, roles, options.passwords, options.users)
    return { changes: [...made, ...users.changes], passwords: users.passwords }
  })
}
