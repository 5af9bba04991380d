import { userOf, type SeqRange } from '@freshet/messages'
import { isId, ProblemError } from '@freshet/protocol'
import { parameterOf, sendProblem, type Call, type Claims, type Route } from '@freshet/service'
import { createHash } from 'node:crypto'
import type { MessageReads, ReadAt } from '../backend/contract.ts'
import { readMinFreshness } from '../freshness.ts'
import { freshnessHeaders } from '../read-document.ts'
import type { ReaderRouteParts } from '../reader-handler.ts'
import { readConversations } from './conversations.ts'
import { readHistory, type Viewer } from './history.ts'
import type { MessageSnapshots } from './snapshots.ts'

/** Most messages or conversations of one answer, and how many without a `limit`. */
const MAX_LIMIT = 300
const DEFAULT_LIMIT = 50

/** What the routes of messages use. */
export interface MessageRouteParts {
  readonly reads: MessageReads
  readonly snapshots: MessageSnapshots
}

type Shared = Pick<ReaderRouteParts, 'reads' | 'documents' | 'freshness'>

/** What a reader answers about messages. Everyone with a token may ask; what is whose is checked by each read. */
export function messageRoutes(shared: Shared, { reads, snapshots }: MessageRouteParts): readonly Route[] {
  const row = (
    path: string,
    query: readonly string[],
    prepare: (call: Call, viewer: Viewer) => (read: ReadAt) => Promise<string | undefined>,
  ): Route => ({
    methods: ['GET'],
    path,
    who: 'authenticated',
    query,
    answer: (call) => answer(shared, snapshots, call, prepare(call, viewerOf(call.claims))),
  })
  return [
    row('/conversations', ['limit', 'cursor'], ({ query }, viewer) => {
      const asked = { after: cursorOf(query), limit: limitOf(query) }
      return (read) => readConversations(reads, viewer, asked, read)
    }),
    row('/conversations/{conv}/messages', ['after', 'before', 'limit'], (call, viewer) => {
      const { query } = call
      const asked = { conv: parameterOf(call, 'conv'), range: rangeOf(query), limit: limitOf(query) }
      return (read) => readHistory(reads, viewer, asked, read)
    }),
  ]
}

/** The problem of paths of messages that only the writer has. */
export function onlyTheWriter(name: string): ProblemError | undefined {
  if (!['acks', 'groups', 'messages', 'revocations'].includes(name)) return undefined
  return new ProblemError('unknown-path', { detail: `Only the writer has /v1/${name}.` })
}

/** The checks of the parameters in these paths. */
export const messageParameters = {
  conv: (text: string): void => {
    if (!isId(text))
      throw new ProblemError('bad-id', {
        detail: 'Expected the id of a conversation: the "conv" of a message.',
      })
  },
}

/** Reads at one position and sends 200, 304, 404 or 412. */
async function answer(
  { reads, documents, freshness }: Shared,
  snapshots: MessageSnapshots,
  { request, response }: Call,
  work: (read: ReadAt) => Promise<string | undefined>,
): Promise<void> {
  const required = readMinFreshness(request.headers)
  await reads.send(response, async (lease) => {
    const { provedAt } = freshness
    const { value, source, at } = await reads.withCancellation(response, (signal) =>
      snapshots.read(required, signal, work),
    )
    const told = freshness.forAnswer({ source, at, values: [], via: 'miss', stored: false }, provedAt)
    if (value === undefined) {
      sendProblem(response, 'unknown-conversation', { headers: freshnessHeaders(told) })
      return 0
    }
    const body = Buffer.from(value)
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    return documents.send(request, response, { etag, body }, told, lease)
  })
}

function viewerOf(claims: Claims | undefined): Viewer {
  if (claims === undefined) throw new TypeError('expected the claims of a token')
  return { user: userOf(claims), groups: claims.groups }
}

type Query = Call['query']

/** Without `after` and `before`: the latest messages. @throws {ProblemError} bad-query */
function rangeOf(query: Query): SeqRange {
  const after = query.get('after')
  const before = query.get('before')
  if (after !== undefined && before !== undefined) throw badQuery('Expected after or before, not both.')
  if (after !== undefined) return { after: seqOf(after, 'after') }
  return { before: before === undefined ? Infinity : seqOf(before, 'before') }
}

function seqOf(text: string, name: string): number {
  const seq = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(seq)) return seq
  throw badQuery(`Expected a seq in ${name}: an integer from 0.`)
}

function limitOf(query: Query): number {
  const text = query.get('limit')
  if (text === undefined) return DEFAULT_LIMIT
  const limit = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : Infinity
  if (limit <= MAX_LIMIT) return limit
  throw badQuery(`Expected a limit of 1 to ${MAX_LIMIT}.`)
}

function cursorOf(query: Query): string {
  const cursor = query.get('cursor')
  if (cursor === undefined || isId(cursor)) return cursor ?? ''
  throw badQuery('Expected a cursor that is the "next" of an earlier answer.')
}

function badQuery(detail: string): ProblemError {
  return new ProblemError('bad-query', { detail })
}
