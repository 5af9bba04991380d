import { countVisibleAfter, isMember, lastVisible, type Interval } from '@freshet/messages'
import { isId } from '@freshet/protocol'
import type { Conversation, Excerpt, MessageReads, ReadAt } from '../backend/contract.ts'
import { intervalsOf, MAX_PAGE_BYTES, type Viewer } from './history.ts'

/** One request for the list of conversations. */
export interface ConversationsQuery {
  /** Ids after this one; empty: from the start. */
  readonly after: string
  readonly limit: number
}

/** A conversation of the list. */
interface Listed {
  readonly conv: string
  readonly group?: true
  readonly members?: readonly string[]
  /** The latest message that the viewer may see. */
  readonly lastSeq: number
  readonly read: number
  readonly unread: number
  /** Whether the viewer has left the group. */
  readonly left?: true
}

/** A part of the viewer's conversations as JSON text, in order of their ids. */
export async function readConversations(
  reads: MessageReads,
  viewer: Viewer,
  { after, limit }: ConversationsQuery,
  read: ReadAt,
): Promise<string> {
  const { user } = viewer
  const list = { user, after, limit: limit + 1 }
  const [memberships, directs] = await Promise.all([
    reads.memberships(list, MAX_PAGE_BYTES / 2, read),
    reads.directs(list, MAX_PAGE_BYTES / 2, read),
  ])
  const ofToken = viewer.groups.filter((group) => isId(group) && group > after)
  const stored = new Map(memberships.items.map(({ conv, intervals }) => [conv, intervals]))
  const direct = new Map(directs.items.map((one) => [one.conv, one]))
  const known = [...new Set([...stored.keys(), ...direct.keys(), ...ofToken])].sort()
  // Where one list was cut off, the others go on alone.
  const end = [...endOf(memberships), ...endOf(directs)].sort()[0]
  const reachable = end === undefined ? known : known.filter((conv) => conv <= end)
  const page = reachable.slice(0, limit)
  const [groups, readSeqs] = await Promise.all([
    reads.groups(
      page.filter((conv) => !direct.has(conv)),
      read,
    ),
    reads.readSeqs(user, page, read),
  ])
  const found = new Map([...groups.map((one) => [one.conv, one] as const), ...direct])
  const listed = page.flatMap((conv) => {
    const conversation = found.get(conv)
    if (conversation === undefined) return []
    const intervals = intervalsOf(conversation, viewer, stored.get(conv) ?? [])
    return intervals.length === 0 ? [] : [listedOf(conversation, intervals, readSeqs.get(conv) ?? 0)]
  })
  const next = reachable.length > limit ? page.at(-1) : end
  return JSON.stringify({ conversations: listed, next })
}

/** The last id of a list behind which there is more. */
function endOf({ reached, complete }: Excerpt<unknown, string>): readonly string[] {
  return complete || reached === undefined ? [] : [reached]
}

function listedOf(
  { conv, lastSeq, members }: Conversation,
  intervals: readonly Interval[],
  readSeq: number,
): Listed {
  const last = lastVisible(intervals, lastSeq)
  const read = Math.min(Math.max(readSeq, (intervals[0]?.from ?? 1) - 1, 0), last)
  return {
    conv,
    ...(members === undefined ? { group: true } : { members }),
    lastSeq: last,
    read,
    unread: countVisibleAfter(intervals, lastSeq, read),
    ...(!isMember(intervals) && { left: true }),
  }
}
