import { BsonCursor, bsonTypes, uint32At } from '@freshet/bson'
import { MAX_BODY_BYTES, MAX_BODY_LEVELS, MAX_INTERVALS, MAX_RECIPIENTS } from '@freshet/messages'
import type { Interval, Membership, ReadCursor, Recipients, Revocation } from '@freshet/messages'
import { messageCollections } from '@freshet/mongodb-rules'
import type { Bytes, Change } from '@freshet/protocol'
import type { ChangeContent, DeliveredMessage } from '../../contract.ts'
import { depthOf } from '../../protocol/read-frame.ts'

/** The writer's documents are smaller. Larger ones are not read. */
const MAX_DOCUMENT_BYTES = 256 * 2 ** 10

const MAX_LEVELS = 4

/** The end of the year 9999: RFC 3339 has no later dates. */
const MAX_TIME_MS = 253_402_300_799_999

const UNREADABLE: ChangeContent = { kind: 'unreadable' }
const RESET: ChangeContent = { kind: 'reset' }
const GAP: ChangeContent = { kind: 'gap' }

/** A value of a document; `undefined`: another type, or nested too deep. */
type Value = string | number | Date | Fields | readonly Value[] | undefined

type Fields = ReadonlyMap<string, Value>

/**
 * What a change stands for. Another program may have written the document, so everything is checked. Where the state of
 * users is uncertain (a membership was deleted, or changed in place) it is read again.
 */
export function contentOf(change: Change): ChangeContent {
  if (!('collection' in change)) return RESET
  const { collection } = change
  if (change.kind === 'upsert') return contentIn(collection, change.document)
  // Only new messages are followed. The contents of a very large transaction do not arrive.
  if (change.kind === 'invalidate' && collection === messageCollections.messages) return GAP
  return collection === messageCollections.memberships || collection === messageCollections.revocations
    ? RESET
    : UNREADABLE
}

function contentIn(collection: string, document: Bytes): ChangeContent {
  switch (collection) {
    case messageCollections.messages: {
      const message = messageIn(document)
      return message ? { kind: 'message', message } : UNREADABLE
    }
    case messageCollections.memberships: {
      const membership = membershipIn(document)
      return membership ? { kind: 'membership', membership } : UNREADABLE
    }
    case messageCollections.cursors: {
      const cursor = cursorIn(document)
      return cursor ? { kind: 'cursor', cursor } : UNREADABLE
    }
    case messageCollections.revocations: {
      const revocation = revocationIn(document)
      return revocation ? { kind: 'revocation', revocation } : UNREADABLE
    }
    default:
      return UNREADABLE
  }
}

/** A stored message; `undefined`: malformed. */
function messageIn(document: Bytes): DeliveredMessage | undefined {
  const fields = documentIn(document)
  const id = textOf(fields, '_id')
  const conv = textOf(fields, 'conv')
  const seq = countOf(fields, 'seq')
  const from = textOf(fields, 'from')
  const to = recipientsOf(fields?.get('to'))
  const atMs = timeOf(fields, 'at')
  const type = textOf(fields, 'type')
  if (id === undefined || conv === undefined || !seq || from === undefined) return undefined
  if (to === undefined || atMs === undefined) return undefined
  if (type !== 'message' && type !== 'edited' && type !== 'deleted') return undefined
  const ref = textOf(fields, 'ref')
  if (type !== 'message' && ref === undefined) return undefined
  const clientId = textOf(fields, 'clientId')
  const bodyJson = jsonLine(fields?.get('body'))
  if (bodyJson === undefined && fields?.has('body') === true) return undefined
  return {
    type,
    id,
    conv,
    seq,
    from,
    to,
    atMs,
    ...(clientId !== undefined && { clientId }),
    ...(ref !== undefined && { ref }),
    ...(bodyJson !== undefined && { bodyJson }),
  }
}

/** A stored membership; `undefined`: malformed. Without valid intervals it shows nothing. */
export function membershipIn(document: Bytes): Membership | undefined {
  const fields = documentIn(document)
  const group = textOf(fields, 'group')
  const user = textOf(fields, 'user')
  if (group === undefined || user === undefined) return undefined
  return { group, user, intervals: intervalsOf(fields?.get('intervals')) }
}

/** A stored read cursor; `undefined`: malformed. */
function cursorIn(document: Bytes): ReadCursor | undefined {
  const fields = documentIn(document)
  const conv = textOf(fields, 'conv')
  const user = textOf(fields, 'user')
  const delivered = countOf(fields, 'delivered')
  const read = countOf(fields, 'read')
  if (conv === undefined || user === undefined || delivered === undefined || read === undefined)
    return undefined
  return { conv, user, delivered, read }
}

/** A stored revocation; `undefined`: malformed. */
export function revocationIn(document: Bytes): Revocation | undefined {
  const fields = documentIn(document)
  const sub = textOf(fields, 'sub')
  const notBefore = countOf(fields, 'notBefore')
  return sub === undefined || notBefore === undefined ? undefined : { sub, notBefore }
}

function recipientsOf(to: Value): Recipients | undefined {
  if (!isFields(to) || to.size !== 1) return undefined
  const user = textOf(to, 'user')
  if (user !== undefined) return { user }
  const group = textOf(to, 'group')
  if (group !== undefined) return { group }
  const users = to.get('users')
  if (!isList(users) || users.length === 0 || users.length > MAX_RECIPIENTS) return undefined
  const names = users.filter((one): one is string => typeof one === 'string' && one !== '')
  return names.length === users.length ? { users: names } : undefined
}

/** None, unless all are in order and do not overlap. */
function intervalsOf(list: Value): readonly Interval[] {
  if (!isList(list) || list.length > MAX_INTERVALS) return []
  const intervals: Interval[] = []
  let after = -1
  for (const one of list) {
    if (!isFields(one)) return []
    const from = countOf(one, 'from')
    const to = countOf(one, 'to')
    if (from === undefined || from <= after) return []
    // A member who left must not become one again because `to` has another type.
    if (to === undefined && one.has('to')) return []
    after = to ?? Infinity
    if (from > after) return []
    intervals.push(to === undefined ? { from } : { from, to })
  }
  return intervals
}

/**
 * The JSON text of a body, on one line: frames are separated by newlines. Checked, because text that is not JSON, or nested
 * too deep for the parsers of some clients, would make a whole frame unreadable; passed on as it is.
 */
function jsonLine(body: Value): string | undefined {
  if (typeof body !== 'string' || Buffer.byteLength(body) > MAX_BODY_BYTES) return undefined
  if (depthOf(body) > MAX_BODY_LEVELS) return undefined
  try {
    JSON.parse(body)
  } catch {
    // Not the writer's.
    return undefined
  }
  // In JSON they can only stand between tokens.
  return body.replace(/[\r\n]/g, ' ')
}

function documentIn(document: Bytes): Fields | undefined {
  if (document.length > MAX_DOCUMENT_BYTES) return undefined
  const bytes = Buffer.from(document.buffer, document.byteOffset, document.length)
  return fieldsAt(bytes, 0, MAX_LEVELS)
}

/** The elements of the document or array at `start`; `undefined`: the bytes are not valid BSON. */
function fieldsAt(bytes: Buffer, start: number, levels: number): Fields | undefined {
  const fields = new Map<string, Value>()
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const { type, valueAt, nameAt, nameEnd } = cursor
    fields.set(bytes.toString('utf8', nameAt, nameEnd), valueAtOf(type, bytes, valueAt, levels))
  }
  return cursor.isComplete ? fields : undefined
}

function valueAtOf(type: number, bytes: Buffer, at: number, levels: number): Value {
  switch (type) {
    case bsonTypes.string:
      return bytes.toString('utf8', at + 4, at + 3 + uint32At(bytes, at))
    case bsonTypes.int32:
      return bytes.readInt32LE(at)
    case bsonTypes.int64:
      return Number(bytes.readBigInt64LE(at))
    case bsonTypes.double:
      return bytes.readDoubleLE(at)
    case bsonTypes.date:
      return new Date(Number(bytes.readBigInt64LE(at)))
    case bsonTypes.document:
      return levels > 0 ? fieldsAt(bytes, at, levels - 1) : undefined
    case bsonTypes.array:
      return levels > 0 ? [...(fieldsAt(bytes, at, levels - 1)?.values() ?? [])] : undefined
    default:
      return undefined
  }
}

function textOf(fields: Fields | undefined, name: string): string | undefined {
  const value = fields?.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function countOf(fields: Fields | undefined, name: string): number | undefined {
  const value = fields?.get(name)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Milliseconds since 1970; `undefined` before 1970 and after the year 9999. */
function timeOf(fields: Fields | undefined, name: string): number | undefined {
  const value = fields?.get(name)
  const ms = value instanceof Date ? value.getTime() : Number.NaN
  return ms >= 0 && ms <= MAX_TIME_MS ? ms : undefined
}

const isFields = (value: Value): value is Fields => value instanceof Map

const isList = (value: Value): value is readonly Value[] => Array.isArray(value)
