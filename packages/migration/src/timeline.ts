import { asAdmin } from './admin.ts'
import { newTimeline } from './control.ts'

/** Opens a connection, gives the history a new name, and closes again. Resolves with the name; see `newTimeline`. */
export async function renameTimeline(uri: string, database: string): Promise<string> {
  return asAdmin(uri, undefined, (client) => newTimeline(client.db(database)))
}
