import { problems, problemType, type ProblemCode, type ProblemKind } from '@freshet/protocol'
import type { Got } from '../support/answer.ts'
import type { Sent } from '../support/raw-client.ts'

const POSITION = /^[0-9a-f]{8}\.[0-9a-f]{16}$/
const ETAG = /^"[\w-]{22}"$/

/** Text that only a broken service would return: its own internals, or those of the database. */
const INSIDES = /E11000|MongoServer|\bat .*\.[jt]s:\d|node_modules|TypeError|RangeError/

/** Problems that both services may return: from the service package, the URL and the token. */
const everywhere: readonly ProblemCode[] = [
  'bad-url',
  'bad-id',
  'bad-query',
  'bad-header',
  'bad-request',
  'unauthenticated',
  'unknown-collection',
  'messages-off',
  'unknown-path',
  'method-not-allowed',
  'request-timeout',
  'precondition-failed',
  'expectation-failed',
  'headers-too-large',
  'unavailable',
  'overloaded',
  'source-unknown',
]

/** Additional problems of each service. `internal` is in neither list. */
const answered: Readonly<Record<App, ReadonlySet<string>>> = {
  reader: new Set([
    ...everywhere,
    'bad-position',
    'not-found',
    'not-ready',
    'reader-behind',
    'source-refused',
    'answer-too-large',
  ]),
  writer: new Set([
    ...everywhere,
    'malformed-body',
    'duplicate-key',
    'forbidden',
    'not-found',
    'already-exists',
    'busy',
    'in-progress',
    'not-plain-json',
    'payload-too-large',
    'unsupported-media-type',
    'invalid-document',
    'id-mismatch',
    'inexact-number',
    'forbidden-name',
    'bad-text',
    'bad-patch',
    'idempotency-mismatch',
    'answer-too-large',
    'precondition-required',
    'outcome-unknown',
    'write-loop',
    'not-a-member',
    'unknown-message',
    'unknown-group',
    'unknown-conversation',
    'message-deleted',
    'membership-full',
    'invalid-message',
    'client-id-reused',
  ]),
}

/** Problems that state a fact about data and thus have a position. */
const facts: ReadonlySet<string> = new Set([
  'not-found',
  'already-exists',
  'precondition-failed',
  'idempotency-mismatch',
])

export type App = 'writer' | 'reader'

const codes: ReadonlyMap<unknown, string> = new Map(
  Object.keys(problems).map((code) => [problemType(code as ProblemCode), code]),
)

/** The problem code; `''` if the answer is not a problem or its type is unknown. */
export function codeOf({ status, text }: Got): string {
  if (status < 400) return ''
  try {
    const { type }: { type?: unknown } = JSON.parse(text)
    return codes.get(type) ?? ''
  } catch {
    return ''
  }
}

/** Everything wrong with an answer that can be detected without knowing what is stored. */
export function* faultsOf(app: App, sent: Sent, got: Got): Iterable<string> {
  const { status, headers, text } = got
  if (INSIDES.test(text)) yield 'leaks internals'
  if (status >= 400) yield* faultsOfProblem(app, sent, got)
  else if (![200, 201, 204, 304].includes(status)) yield `status ${status} is not in the contract`
  if (status < 400 && sent.method !== 'OPTIONS') {
    if (!POSITION.test(String(headers['freshet-position']))) yield 'a fact without a position'
    if (headers['cache-control'] !== 'no-cache') yield 'Cache-Control is not no-cache'
  }
  if (app === 'reader') yield* faultsOfReader(sent, got)
  else yield* faultsOfWriter(sent, got)
}

function* faultsOfProblem(app: App, { method }: Sent, got: Got): Iterable<string> {
  const { status, headers, text } = got
  if (status === 500) yield 'the service failed'
  if (headers['content-type'] !== 'application/problem+json') yield 'a refusal that is not problem+json'
  if (method === 'HEAD') return
  const code = codeOf(got)
  if (!answered[app].has(code)) return yield `a ${app} must not return the problem ${JSON.stringify(code)}`
  const kind: ProblemKind = problems[code as ProblemCode]
  const body: Record<string, unknown> = JSON.parse(text)
  if (kind.status !== status || body['status'] !== status) yield `${code} with the wrong status`
  if (body['title'] !== kind.title || body['retryable'] !== kind.retryable)
    yield `${code} with the wrong title or retryable`
  if (kind.retryAfterS !== undefined && headers['retry-after'] === undefined)
    yield `${code} without Retry-After`
  if (status === 405 && headers.allow === undefined) yield '405 without Allow'
  if (status === 401 && headers['www-authenticate'] === undefined) yield '401 without WWW-Authenticate'
  if (facts.has(code) && !POSITION.test(String(headers['freshet-position'])))
    yield `${code} without a position`
}

function* faultsOfReader({ method }: Sent, { status, headers, text }: Got): Iterable<string> {
  if (status !== 200 && status !== 304) return
  if (!/^\d+$/.test(String(headers.age))) yield 'Age is not a number'
  if (!/^freshet; (hit|fwd=)/.test(String(headers['cache-status'])))
    yield 'Cache-Status is missing or invalid'
  if (status === 200 && method === 'GET' && headers['content-length'] !== String(Buffer.byteLength(text)))
    yield 'Content-Length differs from the length of the body'
}

function* faultsOfWriter({ headers: asked }: Sent, { status, headers, text }: Got): Iterable<string> {
  if (status === 304) yield '304 from a writer'
  if ((status === 201) !== (headers.location !== undefined))
    yield 'Location without 201, or 201 without Location'
  if (status === 200 || status === 201) {
    if (!ETAG.test(String(headers.etag))) yield 'a document without an ETag'
    const minimal = /return=minimal/.test(headers['preference-applied']?.toString() ?? '')
    if (minimal !== (text === '')) yield 'a body despite return=minimal, or none without it'
    if (!minimal && headers['content-type'] !== 'application/json') yield 'a document that is not JSON'
  }
  if (headers['idempotency-replayed'] !== undefined && asked['idempotency-key'] === undefined)
    yield 'a replay without an Idempotency-Key'
}
