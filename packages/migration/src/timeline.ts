import { asAdmin } from './admin.ts'
import { newTimeline } from './control.ts'

/** Opens a connection, gives the history a new name, and closes again. Resolves with the name; see `newTimeline`. */
export async function renameTimeline(uri: string, database: string, signal?: AbortSignal): Promise<string> {
  return asAdmin(uri, signal, (client) => newTimeline(client.db(database)))
}
