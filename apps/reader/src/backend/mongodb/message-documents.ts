import { MAX_BODY_BYTES, MAX_INTERVALS, type Interval, type Recipients } from '@freshet/messages'
import type { Conversation, StoredMessage } from '../contract.ts'

/** A document as the driver decodes it. Another program may have written it, so everything is checked. */
type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** A stored message; `undefined`: malformed. */
export function messageIn(document: unknown): StoredMessage | undefined {
  const { _id: id, conv, seq, from, to, at, type, clientId, ref, last, body } = fieldsOf(document)
  const recipients = recipientsIn(to)
  if (!isText(id) || !isText(conv) || !isCount(seq) || !isText(from) || recipients === undefined)
    return undefined
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) return undefined
  if (type !== 'message' && type !== 'edited' && type !== 'deleted') return undefined
  if (body !== undefined && !isJson(body)) return undefined
  return {
    id,
    conv,
    seq,
    from,
    to: recipients,
    atMs: at.getTime(),
    type,
    ...(isText(clientId) && { clientId }),
    ...(isText(ref) && { ref }),
    ...(isText(last) && { last }),
    ...(body !== undefined && { bodyJson: body }),
  }
}

/** A conversation; `undefined`: malformed. */
export function conversationIn(document: unknown): Conversation | undefined {
  const { _id: conv, lastSeq, members, group } = fieldsOf(document)
  if (!isText(conv) || !isCount(lastSeq)) return undefined
  if (group === true) return { conv, lastSeq, members: undefined }
  return isTexts(members) ? { conv, lastSeq, members } : undefined
}

/** The intervals of a membership. None, unless all are in order and do not overlap: a fault must not show more. */
export function intervalsIn(document: unknown): readonly Interval[] {
  const { intervals: list } = fieldsOf(document)
  if (!Array.isArray(list) || list.length > MAX_INTERVALS) return []
  const intervals: Interval[] = []
  let after = -1
  for (const one of list) {
    const { from, to } = fieldsOf(one)
    if (!isCount(from) || from <= after) return []
    if (to !== undefined && (!isCount(to) || to < from)) return []
    after = to ?? Infinity
    intervals.push(to === undefined ? { from } : { from, to })
  }
  return intervals
}

function recipientsIn(value: unknown): Recipients | undefined {
  const { user, users, group } = fieldsOf(value)
  if (isText(user)) return { user }
  if (isText(group)) return { group }
  return isTexts(users) ? { users } : undefined
}

/** Text that is not JSON would make a whole answer unreadable. */
function isJson(body: unknown): body is string {
  if (typeof body !== 'string' || Buffer.byteLength(body) > MAX_BODY_BYTES) return false
  try {
    JSON.parse(body)
    return true
  } catch {
    return false
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText)
}
