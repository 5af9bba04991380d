import {
  isGroupId,
  isUser,
  MAX_ACKS,
  MAX_BODY_BYTES,
  MAX_CLIENT_ID_LENGTH,
  MAX_RECIPIENTS,
  MAX_USER_LENGTH,
  type Recipients,
  type Revocation,
} from '@freshet/messages'
import { ProblemError } from '@freshet/protocol'
import { receiveBody, type BodyShare } from '@freshet/service'
import type { IncomingMessage } from 'node:http'
import { expectJson } from '../write-request.ts'
import { readJsonBody, type JsonBody } from './json-text.ts'

/** The longest body of a message, the names of a hundred users, and some white space. */
const MAX_REQUEST_BYTES = 128 * 1024

/** Parsed values and their texts, as a multiple of the bytes received. Measured: at most 10. */
const MEMORY_FACTOR = 12

/** Revocations in the future would lock out new tokens. Clocks may differ by this much. */
const CLOCK_TOLERANCE_S = 60

/** The text of a message and the name that its sender gave it. */
export interface Written {
  /** The JSON text of the body. */
  readonly text: string
  readonly clientId: string
}

/** A request to acknowledge messages of one conversation, up to these seqs. */
export interface Ack {
  readonly conv: string
  readonly delivered: number
  readonly read: number
}

/** Reads the JSON of a request. @throws {ProblemError} also as `receiveBody` does. */
async function readRequest(request: IncomingMessage, share: BodyShare): Promise<JsonBody> {
  expectJson(request.headers['content-type'])
  const bytes = await receiveBody(request, MAX_REQUEST_BYTES, share)
  const body = readJsonBody(bytes)
  share.made(bytes.length * MEMORY_FACTOR)
  return body
}

/** @throws {ProblemError} malformed-body: the request has a body. */
export function expectNoBody({ headers }: IncomingMessage): void {
  const length = headers['content-length']
  if (headers['transfer-encoding'] === undefined && (length === undefined || Number(length) === 0)) return
  throw new ProblemError('malformed-body', { errors: [{ pointer: '', detail: 'expected no body' }] })
}

/** The body of `POST /v1/messages`. @throws {ProblemError} */
export async function readNewMessage(
  request: IncomingMessage,
  share: BodyShare,
): Promise<Written & { readonly to: Recipients }> {
  const body = await readRequest(request, share)
  const fields = fieldsOf(body.value, '', ['to', 'body', 'clientId'])
  return { to: recipientsOf(fields['to']), ...writtenIn(fields, body.texts) }
}

/** The body of `PATCH /v1/messages/{message}`. @throws {ProblemError} */
export async function readEdit(request: IncomingMessage, share: BodyShare): Promise<Written> {
  const body = await readRequest(request, share)
  return writtenIn(fieldsOf(body.value, '', ['body', 'clientId']), body.texts)
}

/** The body of `POST /v1/acks`. @throws {ProblemError} */
export async function readAcks(request: IncomingMessage, share: BodyShare): Promise<readonly Ack[]> {
  const { value } = await readRequest(request, share)
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_ACKS)
    throw invalid('', `expected an array of 1 to ${MAX_ACKS} acknowledgements`)
  const seen = new Set<string>()
  return value.map((entry: unknown, at) => {
    const pointer = `/${at}`
    const fields = fieldsOf(entry, pointer, ['conv', 'delivered', 'read'])
    const { conv, delivered, read } = fields
    if (typeof conv !== 'string' || conv === '' || conv.length > MAX_USER_LENGTH)
      throw invalid(`${pointer}/conv`, 'expected the id of a conversation')
    if (seen.has(conv)) throw invalid(`${pointer}/conv`, 'expected each conversation once')
    seen.add(conv)
    if (delivered === undefined && read === undefined)
      throw invalid(pointer, 'expected delivered, read, or both')
    return {
      conv,
      delivered: seqOf(delivered ?? 0, `${pointer}/delivered`),
      read: seqOf(read ?? 0, `${pointer}/read`),
    }
  })
}

/** The body of `POST /v1/revocations`. @throws {ProblemError} */
export async function readRevocation(
  request: IncomingMessage,
  share: BodyShare,
  nowMs: number,
): Promise<Revocation> {
  const { value } = await readRequest(request, share)
  const { sub, notBefore } = fieldsOf(value, '', ['sub', 'notBefore'])
  if (typeof sub !== 'string' || !isUser(sub)) throw invalid('/sub', userForm)
  const latest = Math.floor(nowMs / 1_000) + CLOCK_TOLERANCE_S
  if (!isSeq(notBefore) || notBefore > latest)
    throw invalid('/notBefore', 'expected seconds since 1970, not in the future')
  return { sub, notBefore }
}

const userForm = `expected a user: 1 to ${MAX_USER_LENGTH} characters, none of them control characters`

/** One error in the body of a request. */
export function invalid(pointer: string, detail: string): ProblemError {
  return new ProblemError('invalid-message', { errors: [{ pointer, detail }] })
}

type Fields = Readonly<Record<string, unknown>>

/** The members of an object. Others than these are refused: ignoring a `from` would deceive its sender. */
function fieldsOf(value: unknown, pointer: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(pointer, `expected an object with ${known.join(', ')}`)
  const fields: Fields = { ...value }
  const other = Object.keys(fields).find((name) => !known.includes(name))
  if (other === undefined) return fields
  throw invalid(pointer, `expected only ${known.join(', ')}; got ${JSON.stringify(other.slice(0, 80))}`)
}

function writtenIn({ clientId }: Fields, texts: JsonBody['texts']): Written {
  const text = texts.get('body')
  if (text === undefined) throw invalid('/body', 'expected any JSON value')
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_BODY_BYTES)
    throw new ProblemError('payload-too-large', {
      detail: `The body of a message may have at most ${MAX_BODY_BYTES} bytes; it has ${bytes}.`,
    })
  if (typeof clientId !== 'string' || !isUser(clientId) || clientId.length > MAX_CLIENT_ID_LENGTH)
    throw invalid(
      '/clientId',
      `expected 1 to ${MAX_CLIENT_ID_LENGTH} characters, a new value for each message`,
    )
  return { text, clientId }
}

function recipientsOf(to: unknown): Recipients {
  const fields = fieldsOf(to, '/to', ['user', 'users', 'group'])
  if (Object.keys(fields).length !== 1) throw invalid('/to', 'expected one of user, users, group')
  const { user, users, group } = fields
  if (group !== undefined) {
    if (typeof group === 'string' && isGroupId(group)) return { group }
    throw invalid('/to/group', 'expected the id of a group')
  }
  if (user !== undefined) return { user: userOf(user, '/to/user') }
  if (!Array.isArray(users) || users.length === 0 || users.length > MAX_RECIPIENTS)
    throw invalid('/to/users', `expected an array of 1 to ${MAX_RECIPIENTS} users`)
  return { users: [...new Set(users.map((one: unknown, at) => userOf(one, `/to/users/${at}`)))] }
}

function userOf(value: unknown, pointer: string): string {
  if (typeof value === 'string' && isUser(value)) return value
  throw invalid(pointer, userForm)
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function seqOf(value: unknown, pointer: string): number {
  if (isSeq(value)) return value
  throw invalid(pointer, 'expected a seq, an integer from 0')
}
