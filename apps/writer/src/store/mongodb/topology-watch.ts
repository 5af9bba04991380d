import type { Clock } from '@freshet/kit'
import type { MongoClient } from 'mongodb'

/** Options of the watch. */
export interface TopologyWatchOptions {
  readonly clock: Clock
  /** Longest time without a primary that counts as an outage from which the driver recovers by itself. */
  readonly patienceMs: number
}

/**
 * Calls `lost` when a client may never find its servers again, even if they are reachable. The driver drops servers
 * that belong to another set, or to none, and never contacts them again, so its list can become empty. It also
 * remembers members and the latest election it saw, and treats the primary of a restored set as stale forever. Only a
 * client that starts over from the address finds those.
 * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
 */
export function watchTopology(
  client: MongoClient,
  { clock, patienceMs }: TopologyWatchOptions,
  lost: (why: string) => void,
): void {
  let away: AbortController | undefined
  const back = (): void => {
    away?.abort()
    away = undefined
  }
  const wait = async ({ signal }: AbortController): Promise<void> => {
    await clock.sleep(patienceMs, signal)
    if (!signal.aborted) lost(`no primary found for ${patienceMs} ms`)
  }
  client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
    if (servers.size === 0) lost('no server left: the last one belongs to another set or to none')
    if ([...servers.values()].some(({ isWritable }) => isWritable)) return back()
    if (away !== undefined) return
    away = new AbortController()
    void wait(away)
  })
  client.on('topologyClosed', back)
}
