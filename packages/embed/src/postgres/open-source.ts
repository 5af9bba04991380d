import { postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { publicationName } from '@freshet/postgres-rules'
import type { OpenedSource, SourceToOpen } from '../opened-source.ts'

/** @throws {ChangeStreamError} DENIED, DISCONNECTED; UNSUPPORTED: its user can do more than read. */
export async function openPostgresSource(wanted: SourceToOpen): Promise<OpenedSource> {
  const { database, collections, publication = publicationName } = wanted
  const uri = new URL(wanted.uri)
  uri.pathname = `/${encodeURIComponent(database)}`
  const { source, reads, user, close } = postgresSource({
    uri: uri.href,
    appName: 'freshet-replica',
    publication,
    collections,
    clock: systemClock,
  })
  try {
    await user.prove()
    return { source, reads, close }
  } catch (error) {
    await close()
    throw error
  }
}
