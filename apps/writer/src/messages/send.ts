import { conversationId, isMember, membersOf, messageJson, type Recipients } from '@freshet/messages'
import { isValidId, ProblemError, type ProblemCode } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { Answer } from '../answer.ts'
import { StoreError } from '../store/errors.ts'
import type { MessageTransaction, StoredMessage } from '../store/message-store.ts'
import { jsonAnswer, transact, type Decided, type MessageParts, type MessageRequest } from './parts.ts'
import { expectNoBody, readEdit, readNewMessage } from './request.ts'

/** What a client wants to send, before it has a place in its conversation. */
type Draft = Omit<StoredMessage, 'seq' | 'atMs'>

/** A message that was stored, now or by an earlier request. */
interface Sent {
  readonly message: StoredMessage
  readonly isNew: boolean
}

/** `POST /v1/messages`. The same `clientId` stores one message, however often it is sent. */
export async function sendMessage(
  parts: MessageParts,
  { request, share, user }: MessageRequest,
): Promise<Answer> {
  const { to, text, clientId } = await readNewMessage(request, share)
  const conv = conversationId('group' in to ? to : membersOf(user, to))
  const digest = digestOf(to, text)
  const draft = { id: parts.newId(), type: 'message', conv, from: user, to, clientId, text, digest } as const
  const { value, position } = await transact(
    parts,
    { id: draft.id, conversation: conv },
    async (transaction) => {
      const refusal = await refusalOf(transaction, draft)
      if (refusal !== undefined) return await sentBefore(transaction, draft, refusal)
      return await append(parts, transaction, draft)
    },
    ifTaken(draft),
  )
  const { message, isNew } = value
  const location = isNew ? `/v1/messages/${message.id}` : undefined
  return jsonAnswer(isNew ? 201 : 200, position, messageJson(message, message.text), location)
}

/** `PATCH /v1/messages/{message}`: the edit is a message of its own, and the original gets the new body. */
export async function editMessage(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  const { request, share, user } = asked
  const ref = asked.parameter('message')
  const { text, clientId } = await readEdit(request, share)
  const change = { id: parts.newId(), type: 'edited', from: user, clientId, text, ref } as const
  let draft: Draft | undefined
  const { value, position } = await transact(
    parts,
    // Its conversation is not known yet; other edits of the same message are the likeliest to be in the way.
    { id: change.id, conversation: ref },
    async (transaction) => {
      const original = await originalOf(transaction, asked)
      const { conv, to } = original
      draft = { ...change, conv, to, digest: digestOf(ref, text) }
      const refusal =
        original.text === undefined ? refused('message-deleted') : await refusalOf(transaction, draft)
      if (refusal !== undefined) return await sentBefore(transaction, draft, refusal)
      const sent = await append(parts, transaction, draft)
      await transaction.replaceMessages([{ id: ref, text, last: change.id }, ...withoutText(original.last)])
      return sent
    },
    (error) => ifTaken(draft)(error),
  )
  return jsonAnswer(200, position, messageJson(value.message, value.message.text))
}

/** `DELETE /v1/messages/{message}`: the deletion is a message of its own, and the text is gone everywhere. */
export async function deleteMessage(parts: MessageParts, asked: MessageRequest): Promise<Answer> {
  expectNoBody(asked.request)
  const ref = asked.parameter('message')
  const id = parts.newId()
  const { value, position } = await transact(parts, { id, conversation: ref }, async (transaction) => {
    const { conv, to, text, last } = await originalOf(transaction, asked)
    if (text === undefined) {
      const deletion = last === undefined ? undefined : await transaction.message(last)
      if (deletion === undefined) throw refused('unknown-message')
      return { value: { message: deletion, isNew: false }, wrote: false }
    }
    const sent = await append(parts, transaction, { id, type: 'deleted', conv, from: asked.user, to, ref })
    await transaction.replaceMessages([{ id: ref, text: undefined, last: id }, ...withoutText(last)])
    return sent
  })
  return jsonAnswer(200, position, messageJson(value.message, value.message.text))
}

/** Gives a message the next place in its conversation. Everything was checked, in the same transaction. */
async function append(
  { clock }: MessageParts,
  transaction: MessageTransaction,
  draft: Draft,
): Promise<Decided<Sent>> {
  const { conv, from, to } = draft
  const seq = await transaction.nextSeq(conv, 'group' in to ? undefined : membersOf(from, to))
  if (seq === undefined) throw refused('unknown-group')
  const message = { ...draft, seq, atMs: clock.wallMs() }
  await transaction.insertMessage(message)
  return { value: { message, isNew: true }, wrote: true }
}

/** Why a user may not send to a group now, if so. */
async function refusalOf(
  transaction: MessageTransaction,
  { from, to }: Draft,
): Promise<ProblemError | undefined> {
  if (!('group' in to)) return undefined
  const [membership] = await transaction.memberships([to.group], from)
  if (membership !== undefined && isMember(membership.intervals)) return undefined
  return refused((await transaction.group(to.group)) === undefined ? 'unknown-group' : 'not-a-member')
}

/** The message that an edit or deletion is about. @throws {ProblemError} */
async function originalOf(transaction: MessageTransaction, asked: MessageRequest): Promise<StoredMessage> {
  const original = await transaction.message(asked.parameter('message'))
  if (original === undefined) throw refused('unknown-message')
  if (original.from !== asked.user)
    throw refused('forbidden', 'Only the sender of a message may edit or delete it.')
  if (original.type === 'message') return original
  throw refused('unknown-message', `The id is that of an edit or deletion; the message is ${original.ref}.`)
}

/**
 * Answers with what was sent before under the same `clientId`, although it could not be sent now: its outcome may have
 * been unknown. @throws {ProblemError} `otherwise`: there is none.
 */
async function sentBefore(
  transaction: MessageTransaction,
  draft: Draft,
  otherwise: Error,
): Promise<Decided<Sent>> {
  const { from, clientId = '', type, ref, digest } = draft
  const first = await transaction.sent(from, clientId)
  if (first === undefined) throw otherwise
  // Without a text there is no digest: it would reveal what was deleted.
  const same = first.type === type && first.ref === ref && (first.digest ?? digest) === digest
  if (!same) throw refused('client-id-reused')
  return { value: { message: first, isNew: false }, wrote: false }
}

/** What to do instead where the index of `clientId` refused a message. */
function ifTaken(
  draft: Draft | undefined,
): (error: unknown) => (transaction: MessageTransaction) => Promise<Decided<Sent>> {
  return (error) => {
    if (draft === undefined || !(error instanceof StoreError && error.code === 'NOT_UNIQUE')) throw error
    return (transaction) => sentBefore(transaction, draft, error)
  }
}

/** Removes the text of an earlier edit. */
function withoutText(id: string | undefined): readonly { id: string; text: undefined; last: undefined }[] {
  return id === undefined ? [] : [{ id, text: undefined, last: undefined }]
}

function digestOf(target: Recipients | string, text: string): string {
  return createHash('sha256')
    .update(`${JSON.stringify(target)}\n${text}`)
    .digest('base64url')
}

function refused(code: ProblemCode, detail?: string): ProblemError {
  return new ProblemError(code, detail === undefined ? {} : { detail })
}

/** Checks the id of a message in a path. @throws {ProblemError} bad-id */
export function checkMessageId(id: string): void {
  if (!isValidId('uuid', id))
    throw new ProblemError('bad-id', { detail: 'Expected the id of a message: a UUID in lower case.' })
}
