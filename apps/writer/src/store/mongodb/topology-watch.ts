import type { Clock } from '@freshet/kit'
import type { MongoClient } from 'mongodb'

/** What a client is watched with. */
export interface SightOptions {
  readonly clock: Clock
  /** The longest time without a primary that is taken for an outage, which the driver survives by itself. */
  readonly patienceMs: number
}

/**
 * Calls `worn` when a client will perhaps never see its servers again, although they are there. The driver takes a
 * server that is of another set, or of none, off its list and never asks it again, so the list can become empty. And it
 * goes by what it once saw: the members that the set had then, and the newest election, beside which the primary of a
 * restored set counts as an old one for ever. Only a client that begins with the address again finds those.
 * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
 */
export function onWorn(
  client: MongoClient,
  { clock, patienceMs }: SightOptions,
  worn: (why: string) => void,
): void {
  let away: AbortController | undefined
  const back = (): void => {
    away?.abort()
    away = undefined
  }
  const wait = async ({ signal }: AbortController): Promise<void> => {
    await clock.sleep(patienceMs, signal)
    if (!signal.aborted) worn(`no primary was seen for ${patienceMs} ms`)
  }
  client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
    if (servers.size === 0) worn('no server is left: the last one said that it is of another set, or of none')
    if ([...servers.values()].some(({ isWritable }) => isWritable)) return back()
    if (away !== undefined) return
    away = new AbortController()
    void wait(away)
  })
  client.on('topologyClosed', back)
}
