import { loadCollections } from '@freshet/documents'
import type { MigrationOptions } from '@freshet/migration'
import { credentialsOf, initiate, migrate, MigrationError, withCredentials } from '@freshet/migration'
import { storedNameFault } from '@freshet/mongodb-rules'
import type { Clock } from '@freshet/kit'
import { roleNames } from '@freshet/roles'
import { join } from 'node:path'
import { kindOf } from './dev/run-database.ts'
import { addressOf } from './users-folder.ts'

/** What to create, and where. */
export interface MigrationRequest {
  /** MongoDB address of an administrator. */
  readonly db: string
  readonly database: string
  /** The directory of the collection files. */
  readonly folder: string
  readonly messages: boolean
  /** A directory with the addresses of users: `ROLE/mongodb-uri` or `ROLE/postgres-uri`. They get these passwords. */
  readonly usersFolder: string | undefined
  /** Whether to initiate a replica set of one member first. */
  readonly initiates: boolean
  /** How long to wait for a database that does not answer. */
  readonly waitMs: number
  readonly clock: Clock
  /** Returns the content of a file; throws if there is none. */
  readonly readFile: (path: string) => string
  readonly signal: AbortSignal
}

/** What was created, for people, and the addresses of new users by their names. */
export interface Migrated {
  readonly changes: readonly string[]
  readonly addresses: Readonly<Record<string, string>>
}

const retryEveryMs = 500

/** Creates what writer and readers need. Idempotent. @throws {MigrationError | CollectionFileError} */
export async function createAll(request: MigrationRequest): Promise<Migrated> {
  if (kindOf(request.db) === 'postgres') {
    const { createInPostgres } = await import('./run-postgres-migration.ts')
    return await createInPostgres(request)
  }
  const { db, database, folder, messages, signal, clock, waitMs } = request
  const collections = [...(await loadCollections(folder, storedNameFault)).values()].map(
    ({ stored }) => stored,
  )
  const given = givenUsers(request)
  const untilMs = clock.now() + waitMs
  for (;;) {
    try {
      const initiated = request.initiates ? await initiate(db) : []
      const { changes, passwords } = await migrate({
        uri: db,
        database,
        collections,
        messages,
        ...given,
        signal,
      })
      // Whoever passes addresses has them. A pod prints to a log, which more people may read than a Secret.
      const shown = request.usersFolder === undefined ? Object.entries(passwords) : []
      const addresses = shown.map(([user, password]) => [
        user,
        withCredentials(db, { user, password, database }),
      ])
      return { changes: [...initiated, ...changes], addresses: Object.fromEntries(addresses) }
    } catch (error) {
      const unreachable = error instanceof MigrationError && error.code === 'UNREACHABLE'
      if (!unreachable || clock.now() >= untilMs) throw error
    }
    await clock.sleep(retryEveryMs, signal)
    signal.throwIfAborted()
  }
}

/** Names and passwords of users from their addresses. A user without one gets a random password if it is new. */
function givenUsers({
  usersFolder,
  readFile,
}: MigrationRequest): Pick<MigrationOptions, 'passwords' | 'users'> {
  if (usersFolder === undefined) return { passwords: {} }
  const users = roleNames.flatMap((role) => {
    const address = addressOf(join(usersFolder, role, 'mongodb-uri'), readFile)
    return address === undefined ? [] : [[role, credentialsOf(address)] as const]
  })
  return {
    passwords: Object.fromEntries(users.map(([role, { password }]) => [role, password])),
    users: Object.fromEntries(users.map(([role, { user }]) => [role, user])),
  }
}
