import { ChangeStreamError } from '@freshet/change-stream'
import { sourceIdOf } from '@freshet/postgres-rules'
import type { SourceId } from '@freshet/protocol'
import type { ReplicationStream } from './replication-stream.ts'

/** The history that a connection leads to. */
export async function identify(stream: ReplicationStream, withinMs: number): Promise<SourceId> {
  const row = await stream.command('IDENTIFY_SYSTEM', withinMs)
  const [systemId, timeline, database] = ['systemid', 'timeline', 'dbname'].map((name) => row.get(name) ?? '')
  return sourceIdOf({ systemId: systemId ?? '', timeline: timeline ?? '', database: database ?? '' })
}

/** The server process that holds the feed. Reads from another one prove nothing about it. */
export class FollowedServer {
  #server: string | undefined

  followed(server: string): void {
    this.#server = server
  }

  /** @throws {ChangeStreamError} DISCONNECTED */
  expect(server: string): void {
    if (server !== this.#server)
      throw new ChangeStreamError(
        'DISCONNECTED',
        `expected a reply from the server started at ${String(this.#server)}, got one from ${server}`,
      )
  }
}
