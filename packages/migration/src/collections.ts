import { idempotencyCollection, internalDatabase } from '@freshet/roles'
import type { Db, MongoClient } from 'mongodb'

/**
 * Makes the collections that are missing, so that no service needs the right to. One that exists is left as it is:
 * whether its form can be served exactly is judged by the readers.
 * @returns what was made, in words.
 */
export async function makeCollections(db: Db, names: readonly string[]): Promise<readonly string[]> {
  const present = new Set(
    (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name),
  )
  const missing = names.filter((name) => !present.has(name))
  for (const name of missing) await db.createCollection(name)
  return missing.map((name) => `collection ${db.databaseName}.${name}`)
}

/** Makes the writer's own collection and the index by which MongoDB removes records after their `expiresAt`. */
export async function makeInternals(client: MongoClient, database: string): Promise<readonly string[]> {
  const db = client.db(internalDatabase(database))
  const made = await makeCollections(db, [idempotencyCollection])
  // Asking for an index that is there already changes nothing.
  await db.collection(idempotencyCollection).createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
  return made
}
