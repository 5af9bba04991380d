import { ConfigError } from '@freshet/kit'
import { migratePostgres, PostgresMigrationError, withCredentials } from '@freshet/migration-postgres'
import { roleOf, userNames } from '@freshet/postgres-rules'
import { collectionsFor } from './collection-places.ts'
import type { Migrated, MigrationRequest } from './run-migration.ts'

const retryEveryMs = 500

/** Creates what writer and readers need in PostgreSQL. @throws {PostgresMigrationError | CollectionFileError | ConfigError} */
export async function createInPostgres(request: MigrationRequest): Promise<Migrated> {
  const { db, database, folder, messages, initiates, usersFolder, signal, clock, waitMs } = request
  if (messages) throw new ConfigError('CONFLICT', '--messages: messages are stored in MongoDB only.')
  if (initiates || usersFolder !== undefined)
    throw new ConfigError('CONFLICT', 'Replica sets and directories of addresses are for MongoDB only.')
  const collections = await collectionsFor('postgres', folder)
  const untilMs = clock.now() + waitMs
  for (;;) {
    try {
      const { changes, passwords } = await migratePostgres({
        uri: db,
        database,
        collections,
        passwords: {},
        signal,
      })
      const addresses = userNames.flatMap((name) => {
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
