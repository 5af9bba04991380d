import { idempotencyCollection, internalDatabase } from '@freshet/roles'
import type { Db, MongoClient } from 'mongodb'

/**
 * Creates missing collections, so that no service needs permission to. Existing ones are not changed: readers decide
 * whether they can serve them.
 * @returns one line for each collection created.
 */
export async function createCollections(db: Db, names: readonly string[]): Promise<readonly string[]> {
  const present = new Set(
    (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name),
  )
  const missing = names.filter((name) => !present.has(name))
  for (const name of missing) await db.createCollection(name)
  return missing.map((name) => `collection ${db.databaseName}.${name}`)
}

/** Creates the writer's internal collection and its TTL index on `expiresAt`. */
export async function createInternalCollections(
  client: MongoClient,
  database: string,
): Promise<readonly string[]> {
  const db = client.db(internalDatabase(database))
  const made = await createCollections(db, [idempotencyCollection])
  // Idempotent.
  await db.collection(idempotencyCollection).createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
  return made
}
