import { EVERYTHING, lastVisible, type Interval, type ReadCursor } from '@freshet/messages'
import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../store/message-store.ts'
import { jsonAnswer, transact, type MessageParts, type MessageRequest } from './parts.ts'
import { invalid, readAcks, readRevocation, type Ack } from './request.ts'

/** `POST /v1/acks`: moves the caller's read cursors forward. What is behind them already changes nothing. */
export async function acknowledge(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  const { user, groups: ofToken } = asked
  const acks = await readAcks(asked.request, asked.share)
  const convs = acks.map(({ conv }) => conv)
  const { value, position } = await transact(parts, { id: convs[0] ?? '' }, async (transaction) => {
    const conversations = byKey(await transaction.conversations(convs), ({ conv }) => conv)
    const groups = convs.filter((conv) => conversations.get(conv)?.owner !== undefined)
    const found = groups.length === 0 ? [] : await transaction.memberships(groups, user)
    const memberships = byKey(found, ({ group }) => group)
    const before = byKey(await transaction.cursors(convs, user), ({ conv }) => conv)
    const cursors = acks.map((ack, at) => {
      const intervals = ofToken.includes(ack.conv) ? EVERYTHING : memberships.get(ack.conv)?.intervals
      const limit = limitOf(conversations.get(ack.conv), intervals, user)
      if (limit === undefined)
        throw new ProblemError('unknown-conversation', {
          errors: [{ pointer: `/${at}/conv`, detail: 'expected a conversation of yours' }],
        })
      for (const name of ['delivered', 'read'] as const)
        if (ack[name] > limit)
          throw invalid(`/${at}/${name}`, `expected at most ${limit}, the latest message`)
      return moved(before.get(ack.conv), ack, user)
    })
    const changed = cursors.filter((cursor) => differs(before.get(cursor.conv), cursor))
    if (changed.length > 0) await transaction.putCursors(changed)
    return { value: cursors, wrote: changed.length > 0 }
  })
  return jsonAnswer(200, position, value)
}

/** `POST /v1/revocations`: tokens that were issued before a second receive no more messages. Only moves forward. */
export async function revoke(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  const { sub, notBefore } = await readRevocation(asked.request, asked.share, parts.clock.wallMs())
  const { value, position } = await transact(parts, { id: sub }, async (transaction) => {
    const before = await transaction.revocation(sub)
    if (before !== undefined && before.notBefore >= notBefore) return { value: before, wrote: false }
    await transaction.putRevocation({ sub, notBefore })
    return { value: { sub, notBefore }, wrote: true }
  })
  return jsonAnswer(200, position, value)
}

/** The seq of the latest message of a conversation that a user may see; `undefined`: it is not theirs. */
function limitOf(
  conversation: Conversation | undefined,
  intervals: readonly Interval[] | undefined,
  user: string,
): number | undefined {
  if (conversation === undefined) return undefined
  const { lastSeq, members } = conversation
  if (members !== undefined) return members.includes(user) ? lastSeq : undefined
  return intervals && lastVisible(intervals, lastSeq)
}

/** Reading a message implies that it was delivered. */
function moved(before: ReadCursor | undefined, { conv, delivered, read }: Ack, user: string): ReadCursor {
  const furthest = Math.max(before?.read ?? 0, read)
  return { conv, user, delivered: Math.max(before?.delivered ?? 0, delivered, furthest), read: furthest }
}

function differs(before: ReadCursor | undefined, { delivered, read }: ReadCursor): boolean {
  return (before?.delivered ?? 0) !== delivered || (before?.read ?? 0) !== read
}

function byKey<T>(found: readonly T[], key: (one: T) => string): ReadonlyMap<string, T> {
  return new Map(found.map((one) => [key(one), one]))
}
