import { membersOf, messageJson, type Message, type ReadCursor, type Recipients } from '@freshet/messages'
import type { DeliveredMessage } from './contract.ts'
import type { Offset } from './offset.ts'

/** Recipients of a publication: these users, or the members of a group who may see this seq. */
type Audience =
  | { readonly kind: 'users'; readonly users: readonly string[] }
  | { readonly kind: 'group'; readonly group: string; readonly seq: number }

/** One message or cursor, serialized once for all recipients. */
export interface Publication {
  readonly offset: Offset
  readonly audience: Audience
  readonly type: Message['type'] | 'cursor' | 'position'
  /** The message; `undefined`: a cursor. */
  readonly id: string | undefined
  /** The message that it edits or deletes. */
  readonly ref: string | undefined
  /** The protocol's `Publication` object. */
  readonly json: string
  /** Index in `json` where `data`, the last field, starts. */
  readonly dataStart: number
  /** Index in `json` where the body starts, comma and key included: the last field of `data`. `undefined`: none. */
  readonly bodyStart: number | undefined
  /** Of `json` in UTF-8. */
  readonly bytes: number
}

/** The `data` of a publication alone. */
export function dataOf({ json, dataStart }: Publication): string {
  return json.slice(dataStart, -1)
}

/** A stored message, edit or deletion as a publication. */
export function messagePublication(message: DeliveredMessage, offset: Offset): Publication {
  const { type, conv, from, to, seq, atMs, id, ref, bodyJson } = message
  const data = messageJson(message, undefined)
  return publicationOf({
    offset,
    timeMs: atMs,
    type,
    conv,
    data,
    ...(bodyJson !== undefined && { bodyJson }),
    audience: audienceOf(from, to, seq),
    id,
    ref,
  })
}

/** The same message without its body, after it was edited or deleted. */
export function withoutBody(publication: Publication): Publication {
  const { json, bodyStart } = publication
  if (bodyStart === undefined) return publication
  const bare = `${json.slice(0, bodyStart)}}}`
  return { ...publication, json: bare, bodyStart: undefined, bytes: Buffer.byteLength(bare) }
}

/** A read cursor, addressed to its own user only. */
export function cursorPublication(cursor: ReadCursor, offset: Offset, timeMs: number): Publication {
  const { conv, user, delivered, read } = cursor
  const data = JSON.stringify({ type: 'cursor', conv, delivered, read })
  const audience: Audience = { kind: 'users', users: [user] }
  return publicationOf({
    offset,
    timeMs,
    type: 'cursor',
    conv,
    data,
    audience,
    id: undefined,
    ref: undefined,
  })
}

/** Carries only the current offset, so that a quiet client stays within the ring. */
export function positionPublication(offset: Offset, timeMs: number): Publication {
  const audience: Audience = { kind: 'users', users: [] }
  const data = '{"type":"position"}'
  return publicationOf({ offset, timeMs, type: 'position', data, audience, id: undefined, ref: undefined })
}

function audienceOf(from: string, to: Recipients, seq: number): Audience {
  return 'group' in to
    ? { kind: 'group', group: to.group, seq }
    : { kind: 'users', users: membersOf(from, to) }
}

interface Parts extends Pick<Publication, 'offset' | 'audience' | 'type' | 'id' | 'ref'> {
  readonly timeMs: number
  readonly conv?: string
  /** An object, serialized. */
  readonly data: string
  /** Becomes its last field. */
  readonly bodyJson?: string
}

function publicationOf({
  offset,
  audience,
  type,
  id,
  ref,
  timeMs,
  conv,
  data,
  bodyJson,
}: Parts): Publication {
  const tags = JSON.stringify({ ...(conv !== undefined && { conv }), type })
  const head = `{"offset":${offset},"time":${timeMs},"tags":${tags},"data":`
  const bodyStart = bodyJson === undefined ? undefined : head.length + data.length - 1
  const json = bodyJson === undefined ? `${head}${data}}` : `${head}${data.slice(0, -1)},"body":${bodyJson}}}`
  const bytes = Buffer.byteLength(json)
  return { offset, audience, type, id, ref, json, dataStart: head.length, bodyStart, bytes }
}
