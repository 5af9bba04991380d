import { headers as names, ProblemError } from '@freshet/protocol'
import type { Method, Route, Who } from '@freshet/service'
import type { IncomingHttpHeaders } from 'node:http'
import { sendAnswer } from '../answer.ts'
import { causeOf, type WriterRouteParts } from '../routes.ts'
import { acknowledge, revoke } from './acks.ts'
import { checkGroupId, checkUser, deleteMember, putGroup, putMember } from './groups.ts'
import { toMessageRequest, type MessageOperation, type MessageParts } from './parts.ts'
import { checkMessageId, deleteMessage, editMessage, sendMessage } from './send.ts'

type Shared = Pick<WriterRouteParts, 'bodies' | 'maxHops' | 'counts'>

/** What a writer answers about messages. Everyone with a token may ask; the operations check what is whose. */
export function messageRoutes(shared: Shared, parts: MessageParts): readonly Route[] {
  const route = (
    method: Method,
    path: string,
    operation: MessageOperation,
    who: Who = 'authenticated',
  ): Route => ({
    methods: [method],
    path,
    who,
    answer: answering(shared, parts, path.split('/')[1] ?? '', operation),
  })
  return [
    route('POST', '/messages', sendMessage),
    route('PATCH', '/messages/{message}', editMessage),
    route('DELETE', '/messages/{message}', deleteMessage),
    route('PUT', '/groups/{group}', putGroup),
    route('PUT', '/groups/{group}/members/{user}', putMember),
    route('DELETE', '/groups/{group}/members/{user}', deleteMember),
    route('POST', '/acks', acknowledge),
    route('POST', '/revocations', revoke, `role:${parts.adminRole}`),
  ]
}

/** The problem of paths of messages that only readers have. */
export function onlyReaders(name: string): ProblemError | undefined {
  if (name !== 'conversations') return undefined
  return new ProblemError('unknown-path', { detail: 'Only readers have /v1/conversations.' })
}

/** The checks of the parameters in these paths. */
export const messageParameters = { message: checkMessageId, group: checkGroupId, user: checkUser }

/** @param name what a handler must declare to write this. */
function answering(
  shared: Shared,
  parts: MessageParts,
  name: string,
  operation: MessageOperation,
): Route['answer'] {
  return async (call) => {
    const { request, response, base } = call
    expectUnconditional(request.headers)
    // Checked, not recorded: handlers do not hear of messages.
    causeOf(shared, { name }, call)
    await shared.bodies.lend(response, async (share) => {
      const answer = await operation(parts, toMessageRequest(parts, call, share))
      shared.counts.done++
      sendAnswer(response, answer, { followed: { minimal: false, lenient: false }, base, share })
    })
  }
}

const refusedHeaders = {
  [names.idempotencyKey]:
    'these requests may be repeated without one, since a clientId names a message and everything else has the same effect again',
  'if-match': 'messages have no versions',
  'if-none-match': 'messages have no versions',
} as const

/** Headers that would change the effect of a write are refused, not ignored. @throws {ProblemError} bad-header */
function expectUnconditional(headers: IncomingHttpHeaders): void {
  for (const [name, why] of Object.entries(refusedHeaders))
    if (headers[name] !== undefined)
      throw new ProblemError('bad-header', { detail: `Expected no ${name}: ${why}.` })
}
