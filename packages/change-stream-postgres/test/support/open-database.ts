import { TestDatabase, testUser, type PostgresOptions } from '@freshet/postgres'
import type { CollectionPlace } from '@freshet/protocol'
import { setUpStatements } from '../../src/index.ts'

export const publication = 'freshet'

export interface OpenDatabaseOptions extends PostgresOptions {
  readonly collections: ReadonlyMap<string, CollectionPlace>
  /** Statements that create the tables. */
  readonly tables: readonly string[]
}

/** A server with one database that is set up as the README says. */
export function openDatabase({
  collections,
  tables,
  ...options
}: OpenDatabaseOptions): Promise<TestDatabase> {
  const setUp = setUpStatements({ publication, user: testUser, collections })
  return TestDatabase.open({ ...options, statements: [...tables, ...setUp] })
}
