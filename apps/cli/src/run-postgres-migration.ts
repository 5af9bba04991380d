import { ConfigError } from '@freshet/kit'
import {
  credentialsOf,
  migratePostgres,
  PostgresMigrationError,
  withCredentials,
} from '@freshet/migration-postgres'
import { roleOf, userNames, type UserName } from '@freshet/postgres-rules'
import { join } from 'node:path'
import { collectionsFor } from './collection-places.ts'
import type { Migrated, MigrationRequest } from './run-migration.ts'
import { addressOf } from './users-folder.ts'

const retryEveryMs = 500

/** Creates what writer and readers need in PostgreSQL. @throws {PostgresMigrationError | CollectionFileError | ConfigError} */
export async function createInPostgres(request: MigrationRequest): Promise<Migrated> {
  const { db, database, folder, messages, initiates, usersFolder, signal, clock, waitMs } = request
  if (messages) throw new ConfigError('CONFLICT', '--messages: messages are stored in MongoDB only.')
  if (initiates) throw new ConfigError('CONFLICT', '--initiate: replica sets are for MongoDB only.')
  const collections = await collectionsFor('postgres', folder)
  const given = passwordsIn(request)
  const untilMs = clock.now() + waitMs
  for (;;) {
    try {
      const { changes, passwords } = await migratePostgres({
        uri: db,
        database,
        collections,
        passwords: given,
        signal,
      })
      // Whoever passes addresses has them. A pod prints to a log, which more people may read than a Secret.
      const shown = usersFolder === undefined ? userNames : []
      const addresses = shown.flatMap((name) => {
        const password = passwords[name]
        const user = roleOf(name, database)
        return password === undefined
          ? []
          : [[name, withCredentials(db, { user, password, database })] as const]
      })
      return { changes, addresses: Object.fromEntries(addresses) }
    } catch (error) {
      const unreachable = error instanceof PostgresMigrationError && error.code === 'UNREACHABLE'
      if (!unreachable || clock.now() >= untilMs) throw error
    }
    await clock.sleep(retryEveryMs, signal)
    signal.throwIfAborted()
  }
}

/**
 * Passwords of users from their addresses. A user without one gets a random password if it is new. The names are fixed.
 * @throws {ConfigError}
 */
function passwordsIn({
  usersFolder,
  database,
  readFile,
}: MigrationRequest): Partial<Record<UserName, string>> {
  if (usersFolder === undefined) return {}
  const passwords: Partial<Record<UserName, string>> = {}
  for (const name of userNames) {
    const address = addressOf(join(usersFolder, name, 'postgres-uri'), readFile)
    if (address === undefined) continue
    const { user, password } = credentialsOf(address)
    const role = roleOf(name, database)
    if (user !== role || password === '')
      throw new ConfigError(
        'BAD_VALUE',
        `--users: expected ${role} with a password in ${name}/postgres-uri, got ${user || 'no user'}.`,
      )
    passwords[name] = password
  }
  return passwords
}
