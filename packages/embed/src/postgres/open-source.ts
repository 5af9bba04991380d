import { addressWithDatabase, postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { publicationName } from '@freshet/postgres-rules'
import type { OpenedSource, SourceToOpen } from '../opened-source.ts'

/** @throws {ChangeStreamError} DENIED, DISCONNECTED; UNSUPPORTED: its user can do more than read. */
export async function openPostgresSource(wanted: SourceToOpen): Promise<OpenedSource> {
  const { database, collections, publication = publicationName } = wanted
  const uri = addressWithDatabase(wanted.uri, database) ?? wanted.uri
  const { source, reads, user, close } = postgresSource({
    uri,
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
