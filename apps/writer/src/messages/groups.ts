import { isGroupId, isUser, joined, left, MAX_INTERVALS, type Interval } from '@freshet/messages'
import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { Conversation, MessageTransaction } from '../store/message-store.ts'
import { jsonAnswer, transact, type Decided, type MessageParts, type MessageRequest } from './parts.ts'
import { expectNoBody } from './request.ts'

/** `PUT /v1/groups/{group}`: creates a group whose only member is its owner. */
export async function putGroup(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  expectNoBody(asked.request)
  const { user } = asked
  const group = asked.parameter('group')
  const { value, position } = await transact(
    parts,
    { id: group, conversation: group },
    async (transaction) => {
      const found = await transaction.group(group)
      if (found !== undefined) {
        expectManager(asked, found)
        return { value: { owner: found.owner, isNew: false }, wrote: false }
      }
      await transaction.createGroup(group, user)
      await transaction.putMembership({ group, user, intervals: joined([], 0) })
      return { value: { owner: user, isNew: true }, wrote: true }
    },
  )
  const { owner, isNew } = value
  const location = isNew ? `/v1/groups/${encodeURIComponent(group)}` : undefined
  return jsonAnswer(isNew ? 201 : 200, position, { group, owner }, location)
}

/** `PUT /v1/groups/{group}/members/{user}`: the member sees what is sent from now on. */
export async function putMember(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  const { value, position, group, user } = await changeMember(parts, asked, joined, expectManager)
  const { intervals, wrote } = value
  const path = `/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}`
  return jsonAnswer(wrote ? 201 : 200, position, { group, user, intervals }, wrote ? path : undefined)
}

/** `DELETE /v1/groups/{group}/members/{user}`: the member sees nothing that is sent from now on. */
export async function deleteMember(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  const { position } = await changeMember(parts, asked, left, (from, found) => {
    if (asked.parameter('user') !== asked.user) expectManager(from, found)
  })
  return { status: 204, position, version: undefined, location: undefined }
}

/**
 * Changes the intervals of a member, and the conversation with them: a message that is sent at the same time is before or
 * after.
 */
async function changeMember(
  parts: MessageParts,
  asked: MessageRequest,
  change: (intervals: readonly Interval[], lastSeq: number) => readonly Interval[],
  expectMayChange: (asked: MessageRequest, found: Conversation) => void,
) {
  expectNoBody(asked.request)
  const group = asked.parameter('group')
  const user = asked.parameter('user')
  const changed = await transact(
    parts,
    { id: group, conversation: group },
    async (
      transaction: MessageTransaction,
    ): Promise<Decided<{ intervals: readonly Interval[]; wrote: boolean }>> => {
      const found = await transaction.group(group)
      if (found === undefined) throw new ProblemError('unknown-group')
      expectMayChange(asked, found)
      const [membership] = await transaction.memberships([group], user)
      const before = membership?.intervals ?? []
      const intervals = change(before, found.lastSeq)
      if (intervals === before) return { value: { intervals, wrote: false }, wrote: false }
      if (intervals.length > MAX_INTERVALS) throw new ProblemError('membership-full')
      await transaction.touchGroup(group)
      await transaction.putMembership({ group, user, intervals })
      return { value: { intervals, wrote: true }, wrote: true }
    },
  )
  return { ...changed, group, user }
}

/** @throws {ProblemError} forbidden: neither owner nor administrator. */
function expectManager({ user, isAdmin }: MessageRequest, { owner }: Conversation): void {
  if (isAdmin || owner === user) return
  throw new ProblemError('forbidden', { detail: 'Only the owner of a group may manage it.' })
}

/** Checks the id of a group in a path. @throws {ProblemError} bad-id */
export function checkGroupId(group: string): void {
  if (isGroupId(group)) return
  throw new ProblemError('bad-id', {
    detail:
      'Expected the id of a group: 1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - other than "." and "..", and ' +
      'not 43 that look like the hash of a direct conversation.',
  })
}

/** Checks a user in a path. @throws {ProblemError} bad-id */
export function checkUser(user: string): void {
  if (isUser(user)) return
  throw new ProblemError('bad-id', {
    detail: 'Expected a user: 1 to 256 characters, none of them control characters.',
  })
}
