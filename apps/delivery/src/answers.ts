import type { ErrorName } from './protocol/codes.ts'
import type { AnsweredCommand, HistoryRequest } from './protocol/command.ts'
import { channelOf, errorReply, historyReply, unsubscribeReply } from './protocol/write.ts'
import { viewerOf, type Stream } from './recovery.ts'
import { REPLAY_LIMITS } from './ring.ts'
import type { Session } from './session.ts'

/** Commands of an open connection that are answered at once. */
export type PlainCommand = Exclude<AnsweredCommand, { readonly method: 'connect' | 'refresh' }>

/** The reply to a command. */
export function answerTo(command: PlainCommand, session: Session, stream: Stream): string {
  const { id } = command
  switch (command.method) {
    // A client-side subscription to the own channel would take over the pushes and stop the offset of the server-side one.
    case 'subscribe':
      return errorReply(id, isOwn(command.channel, session) ? 'alreadySubscribed' : 'denied')
    // SDKs reconnect after an error here.
    case 'unsubscribe':
      return unsubscribeReply(id)
    case 'history':
      return historyOf(id, command.request, session, stream)
    case 'publish':
      return errorReply(id, 'denied')
    case 'rpc':
    case 'presence':
    case 'presence_stats':
    case 'sub_refresh':
      return errorReply(id, 'notAvailable')
    case 'unknown':
      return errorReply(id, 'unknownMethod')
  }
}

function isOwn(channel: string, { entry }: Session): boolean {
  return channel === channelOf(entry.user)
}

function historyOf(
  id: number,
  request: HistoryRequest,
  session: Session,
  { ring, epoch, top }: Stream,
): string {
  const { channel, limit, since, reverse } = request
  const fail = (name: ErrorName): string => errorReply(id, name)
  if (!isOwn(channel, session)) return fail('denied')
  if (since !== undefined && (since.epoch !== epoch || !ring.holdsAfter(since.offset)))
    return fail('unrecoverable')
  if (limit === 0) return historyReply(id, { epoch, offset: top }, [])
  const most = limit < 0 ? REPLAY_LIMITS.publications : Math.min(limit, REPLAY_LIMITS.publications)
  const viewer = viewerOf(session.entry, session.groups)
  const from = since?.offset
  const range = reverse
    ? { after: ring.floor, before: from ?? Infinity, limit: most, latest: true }
    : { after: from ?? ring.floor, before: Infinity, limit: most, latest: false }
  const found = ring.select(range, viewer)
  const inOrder = reverse ? found.toReversed() : found
  return historyReply(id, { epoch, offset: top }, within(inOrder, REPLAY_LIMITS.bytes))
}

/** As many from the start as fit. */
function within<T extends { readonly bytes: number }>(all: readonly T[], maxBytes: number): readonly T[] {
  let bytes = 0
  return all.filter((one) => (bytes += one.bytes) <= maxBytes)
}
