import { ProblemError } from '@freshet/protocol'
import { lastEventIdOf, type EventStreams } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenCheck } from '../contract.ts'
import type { Delivery } from '../delivery.ts'
import type { StreamPosition } from '../protocol/command.ts'
import type { Refusal } from '../session-opener.ts'
import { StreamClient } from './stream-client.ts'

/** A request for events. */
export interface EventStreamCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly token: string
  /** Verifies the token instead of the service's own check. */
  readonly tokens?: TokenCheck
  /** `epoch:offset`, the position of a page before it was reloaded. `Last-Event-ID` takes precedence. */
  readonly since?: string
}

/**
 * Answers with the user's messages as events. An expired or invalid token is 401, after which browsers do not
 * reconnect. @throws {ProblemError} unauthenticated, overloaded, not-ready.
 */
export async function openEventStream(
  delivery: Delivery,
  streams: EventStreams,
  { request, response, token, tokens, since }: EventStreamCall,
): Promise<void> {
  const place = lastEventIdOf(request.headers) ?? since
  const client = new StreamClient(delivery)
  const refusal = await delivery.opener.open({
    token,
    ...(tokens && { tokens }),
    since: () => (place === undefined ? undefined : positionIn(place)),
    outlet: client,
    onOpen: (opened) =>
      client.open(opened, () => {
        expectRoom(delivery)
        return streams.open(response, { heartbeat: () => client.heartbeat() })
      }),
    abandoned: () => response.closed,
  })
  if (refusal !== undefined) throw problemFor(refusal)
}

/** @throws {ProblemError} overloaded: as many clients are connected as may be. */
export function expectRoom(delivery: Delivery): void {
  if (delivery.makeRoom()) return
  throw new ProblemError('overloaded', { detail: 'As many clients are connected as may be.' })
}

/** Malformed text yields a position that cannot be recovered, so the client gets a gap. */
function positionIn(text: string): StreamPosition {
  const [, epoch = '', offset = ''] = /^([0-9a-f]{1,64}):(\d{1,16})$/.exec(text) ?? []
  return { epoch, offset: Number(offset) }
}

/** The HTTP problem for a refusal. */
export function problemFor(refusal: Refusal): ProblemError {
  switch (refusal) {
    case 'expired':
      return unauthenticated('The token has expired.')
    case 'invalid':
      return unauthenticated('Expected a valid token, as "Authorization: Bearer <token>" or as a ticket.')
    case 'tooManyConnections':
      return new ProblemError('overloaded', { detail: 'This user has as many connections as one may have.' })
    case 'unavailable':
      return new ProblemError('not-ready', { detail: 'Messages cannot be delivered now.' })
  }
}

/** A 401 has a challenge: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2 */
function unauthenticated(detail: string): ProblemError {
  return new ProblemError('unauthenticated', {
    detail,
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}
