import { messageJson, EVERYTHING, sees, visibleSeqs, type Interval, type SeqRange } from '@freshet/messages'
import type { Conversation, MessageReads, ReadAt, StoredMessage } from '../backend/contract.ts'

/** Bytes of the stored messages of one answer, as in a replay by deliveries. */
export const MAX_PAGE_BYTES = 512 * 2 ** 10

/** Who asks. */
export interface Viewer {
  readonly user: string
  /** Groups of the token: memberships of the whole group, as in deliveries. */
  readonly groups: readonly string[]
}

/** One request for messages. */
export interface HistoryQuery {
  readonly conv: string
  readonly range: SeqRange
  readonly limit: number
}

/** A page of a conversation as JSON text; `undefined`: not a conversation of this viewer. */
export async function readHistory(
  reads: MessageReads,
  viewer: Viewer,
  { conv, range, limit }: HistoryQuery,
  read: ReadAt,
): Promise<string | undefined> {
  const [conversation, stored] = await Promise.all([
    reads.conversation(conv, read),
    reads.intervals(conv, viewer.user, read),
  ])
  const intervals = conversation && intervalsOf(conversation, viewer, stored)
  if (conversation === undefined || intervals === undefined || intervals.length === 0) return undefined
  const seqs = visibleSeqs(intervals, conversation.lastSeq, range, limit + 1)
  const page = seqs.slice(0, limit)
  if (page.length === 0) return pageJson(conv, [], false)
  let found = await reads.messages(conv, page, MAX_PAGE_BYTES, read)
  // Documents that are not shown must not look like the end.
  while (found.items.length === 0 && !found.complete && found.reached !== undefined)
    found = await reads.messages(conv, page.slice(page.indexOf(found.reached) + 1), MAX_PAGE_BYTES, read)
  const shown = await withoutUnseenEdits(reads, found.items, intervals, read)
  const ordered = 'after' in range ? shown : shown.toReversed()
  return pageJson(conv, ordered, seqs.length > limit || !found.complete)
}

/** The intervals in which a viewer may see a conversation; empty: none. */
export function intervalsOf(
  { conv, members }: Conversation,
  { user, groups }: Viewer,
  stored: readonly Interval[],
): readonly Interval[] {
  // A token may name any text as a group, also the id of a direct conversation.
  if (members !== undefined) return members.includes(user) ? EVERYTHING : []
  return groups.includes(conv) ? EVERYTHING : stored
}

/** Whoever may not see an edit must not see its text in the original either. */
async function withoutUnseenEdits(
  reads: MessageReads,
  messages: readonly StoredMessage[],
  intervals: readonly Interval[],
  read: ReadAt,
): Promise<readonly StoredMessage[]> {
  const open = intervals.find(({ to }) => to === undefined)?.from ?? Infinity
  const doubtful = messages.filter(({ seq, bodyJson }) => seq < open && bodyJson !== undefined)
  const edits = doubtful.flatMap(({ last }) => last ?? [])
  if (edits.length === 0) return messages
  const seqs = await reads.seqs(edits, read)
  return messages.map((message) => {
    const { last, seq } = message
    if (last === undefined || seq >= open || sees(intervals, seqs.get(last) ?? Infinity)) return message
    const { bodyJson: _, ...rest } = message
    return rest
  })
}

function pageJson(conv: string, messages: readonly StoredMessage[], more: boolean): string {
  const items = messages.map((message) => messageJson(message, message.bodyJson))
  return `{"conv":${JSON.stringify(conv)},"messages":[${items.join(',')}],"more":${more}}`
}
