import type { ConnectionTools } from './connection-tools.ts'
import { channelOf, connectReply } from './protocol/write.ts'
import type { Opened } from './session-opener.ts'

/** The reply to the connect that opened a session. */
export function welcome(id: number, client: string, opened: Opened, tools: ConnectionTools): string {
  const { session, user, epoch, position, recovery } = opened
  const { newId, node, version, limits } = tools
  const { wasRecovering, recovered, offset, publications } = recovery
  return connectReply(
    id,
    {
      client,
      version,
      session: newId(),
      node,
      ping: limits.pingMs / 1_000,
      pong: true,
      expires: true,
      ttl: session.ttlSeconds,
      data: { position },
    },
    channelOf(user),
    {
      recoverable: true,
      positioned: true,
      epoch,
      offset,
      was_recovering: wasRecovering,
      recovered,
      publications,
    },
  )
}
