import { mongoSource, type IdentityRule } from '@freshet/change-stream-mongodb'
import { openReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import type { OpenedSource, SourceToOpen } from '../opened-source.ts'

/** @throws {GuardError} the address is wrong or unreachable, or its user can do more than read. */
export async function openMongoSource(wanted: SourceToOpen): Promise<OpenedSource> {
  const { uri, database, collections, timeline, log } = wanted
  const connection = await openReadConnection({ uri, database, appName: 'freshet-replica', log })
  const identity: IdentityRule = timeline === undefined ? { kind: 'control' } : { kind: 'named', timeline }
  const clock = systemClock
  return {
    ...mongoSource({ feed: connection, reads: connection, collections, identity, clock }),
    close: () => connection.close(),
  }
}
