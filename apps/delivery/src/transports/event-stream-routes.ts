import type { EventStreams, Route } from '@freshet/service'
import type { Tickets, TokenCheck } from '../contract.ts'
import type { Delivery } from '../delivery.ts'
import { openEventStream, problemFor } from './event-stream.ts'

/** Dependencies of the routes. */
export interface EventStreamRoutesParts {
  readonly delivery: Delivery
  readonly streams: EventStreams
  readonly tokens: TokenCheck
  readonly tickets: Tickets
}

/** The handlers verify the token themselves: `expired` and `unavailable` need different answers. */
const who = 'public'

/** `GET /connection/sse`, and `POST /connection/ticket` for clients that can send no header with it. */
export function eventStreamRoutes(parts: EventStreamRoutesParts): readonly Route[] {
  const { delivery, streams, tokens, tickets } = parts
  return [
    {
      methods: ['GET'],
      path: '/connection/sse',
      who,
      query: ['since', 'ticket'],
      answer: ({ request, response, query }) => {
        const since = query.get('since')
        const ticket = query.get('ticket')
        const proof =
          ticket === undefined
            ? { token: bearerOf(request.headers.authorization) }
            : { token: ticket, tokens: tickets }
        return openEventStream(delivery, streams, {
          request,
          response,
          ...proof,
          ...(since !== undefined && { since }),
        })
      },
    },
    {
      methods: ['POST'],
      path: '/connection/ticket',
      who,
      answer: async ({ request, response }) => {
        const outcome = await tokens.check(bearerOf(request.headers.authorization))
        if (outcome.kind !== 'valid') throw problemFor(outcome.kind)
        const body = JSON.stringify({ ticket: await tickets.issue(outcome.claims) })
        response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
      },
    },
  ]
}

function bearerOf(header = ''): string {
  return /^bearer +(\S+)$/i.exec(header)?.[1] ?? ''
}
