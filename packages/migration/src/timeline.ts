import { asAdmin } from './admin.ts'
import { newTimeline } from './control.ts'

/** Connects and starts a new timeline; see `newTimeline`. Resolves with it. */
export async function renameTimeline(uri: string, database: string, signal?: AbortSignal): Promise<string> {
  return asAdmin(uri, signal, (client) => newTimeline(client.db(database)))
}
