import type { Db, MongoClient } from 'mongodb'

const known = new WeakMap<MongoClient, Map<string, Db>>()

/** A database of a client, made once: the driver makes a new object of each call, from all options, in 20 us. */
export function databaseOf(client: MongoClient, name: string): Db {
  const databases = known.get(client) ?? new Map<string, Db>()
  known.set(client, databases)
  const database = databases.get(name) ?? client.db(name)
  databases.set(name, database)
  return database
}
