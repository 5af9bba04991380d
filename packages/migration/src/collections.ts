import { controlCollection, messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
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

/** Creates the collections of messages and their indexes. */
export async function createMessageCollections(
  client: MongoClient,
  database: string,
): Promise<readonly string[]> {
  const db = client.db(messagesDatabase(database))
  const { messages, conversations, memberships, cursors } = messageCollections
  const made = await createCollections(db, [controlCollection, ...Object.values(messageCollections)])
  // All idempotent.
  await db.collection(messages).createIndex({ conv: 1, seq: 1 }, { unique: true })
  // A deletion has no `clientId`, and a missing value would count as equal to another.
  const named = { partialFilterExpression: { clientId: { $exists: true } } }
  await db.collection(messages).createIndex({ from: 1, clientId: 1 }, { unique: true, ...named })
  // Only direct conversations list their members.
  const direct = { partialFilterExpression: { members: { $exists: true } } }
  // With the id behind it, readers page through the conversations of a user without sorting them.
  await db.collection(conversations).createIndex({ members: 1, _id: 1 }, direct)
  await db.collection(memberships).createIndex({ user: 1, group: 1 })
  await db.collection(memberships).createIndex({ group: 1 })
  await db.collection(cursors).createIndex({ user: 1 })
  return made
}
