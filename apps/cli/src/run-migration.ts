import { loadCollections } from '@freshet/documents'
import { migrate, withCredentials } from '@freshet/migration'
import { storedNameFault } from '@freshet/mongodb-rules'

/** What to create, and where. */
export interface MigrationRequest {
  /** MongoDB address of an administrator. */
  readonly db: string
  readonly database: string
  /** The directory of the collection files. */
  readonly folder: string
  readonly messages: boolean
  readonly signal: AbortSignal
}

/** What was created, for people, and the addresses of new users by their names. */
export interface Migrated {
  readonly changes: readonly string[]
  readonly addresses: Readonly<Record<string, string>>
}

/** Creates what writer and readers need. Idempotent. @throws {MigrationError | CollectionFileError} */
export async function createAll({
  db,
  database,
  folder,
  messages,
  signal,
}: MigrationRequest): Promise<Migrated> {
  const collections = [...(await loadCollections(folder, storedNameFault)).values()].map(
    ({ stored }) => stored,
  )
  const { changes, passwords } = await migrate({
    uri: db,
    database,
    collections,
    messages,
    passwords: {},
    signal,
  })
  const addresses = Object.fromEntries(
    Object.entries(passwords).map(([user, password]) => [
      user,
      withCredentials(db, { user, password, database }),
    ]),
  )
  return { changes, addresses }
}
