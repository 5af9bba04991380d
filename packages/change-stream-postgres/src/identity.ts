import { ChangeStreamError } from '@freshet/change-stream'
import { parseSourceId, type SourceId } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { ReplicationStream } from './replication-stream.ts'

/**
 * A history is one timeline of one database of one cluster: a fail-over or a restore by recovery begins a new timeline. A copy
 * of the files that starts without recovery keeps all three, so it must not replace the original.
 */
export async function identify(stream: ReplicationStream, withinMs: number): Promise<SourceId> {
  const row = await stream.command('IDENTIFY_SYSTEM', withinMs)
  const text = ['systemid', 'timeline', 'dbname'].map((name) => row.get(name)).join('/')
  const id = parseSourceId(createHash('sha256').update(`postgresql/${text}`).digest('hex').slice(0, 8))
  if (id === undefined)
    throw new ChangeStreamError('UNSUPPORTED', 'could not hash the identity of the source')
  return id
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
