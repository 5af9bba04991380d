import { MongoClient } from 'mongodb'
import { newTimeline } from './control.ts'

/** Opens a connection, gives the history a new name, and closes again. Resolves with the name; see `newTimeline`. */
export async function renameTimeline(uri: string, database: string): Promise<string> {
  const client = new MongoClient(uri)
  try {
    return await newTimeline(client.db(database))
  } finally {
    await client.close()
  }
}
