import { problems, problemType, type ProblemCode, type ProblemKind } from '@freshet/protocol'
import type { Got } from '../support/answer.ts'
import type { Sent } from '../support/raw-client.ts'

const POSITION = /^[0-9a-f]{8}\.[0-9a-f]{16}$/
const ETAG = /^"[\w-]{22}"$/

/** What only a broken service would say: its own insides, or those of the database. */
const INSIDES = /E11000|MongoServer|\bat .*\.[jt]s:\d|node_modules|TypeError|RangeError/

/** Problems of both services: of the shell, the URL and the token. */
const everywhere: readonly ProblemCode[] = [
  'bad-url',
  'bad-id',
  'bad-query',
  'bad-header',
  'bad-request',
  'unauthenticated',
  'unknown-collection',
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

/** What each service may answer beside that. `internal` is in no list. */
const answered: Readonly<Record<App, ReadonlySet<string>>> = {
  reader: new Set([
    ...everywhere,
    'bad-position',
    'not-found',
    'not-ready',
    'reader-behind',
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
  ]),
}

/** Facts about data, which hold at a position. */
const facts: ReadonlySet<string> = new Set([
  'not-found',
  'already-exists',
  'precondition-failed',
  'idempotency-mismatch',
])

export type App = 'writer' | 'reader'

/** The code of a problem; `''`: it is none, or its type is none of ours. */
export function codeOf({ status, text }: Got): string {
  if (status < 400) return ''
  try {
    const { type }: { type?: unknown } = JSON.parse(text)
    return Object.keys(problems).find((code) => problemType(code as ProblemCode) === type) ?? ''
  } catch {
    return ''
  }
}

/** What is wrong with an answer whatever was asked; nothing of it needs to know what is stored. */
export function* faultsOf(app: App, sent: Sent, got: Got): Iterable<string> {
  const { status, headers, text } = got
  if (INSIDES.test(text)) yield 'tells its insides'
  if (status >= 400) yield* faultsOfProblem(app, sent, got)
  else if (![200, 201, 204, 304].includes(status)) yield `the status ${status} is none of the contract`
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
  if (headers['content-type'] !== 'application/problem+json') yield 'a refusal that is no problem+json'
  if (method === 'HEAD') return
  const code = codeOf(got)
  if (!answered[app].has(code)) return yield `the problem ${JSON.stringify(code)} is none of a ${app}`
  const kind: ProblemKind = problems[code as ProblemCode]
  const body: Record<string, unknown> = JSON.parse(text)
  if (kind.status !== status || body['status'] !== status) yield `${code} has another status`
  if (body['title'] !== kind.title || body['retryable'] !== kind.retryable)
    yield `${code} is told differently`
  if (kind.retryAfterS !== undefined && headers['retry-after'] === undefined)
    yield `${code} without Retry-After`
  if (status === 405 && headers.allow === undefined) yield '405 without Allow'
  if (status === 401 && headers['www-authenticate'] === undefined) yield '401 without WWW-Authenticate'
  if (facts.has(code) && !POSITION.test(String(headers['freshet-position'])))
    yield `${code} without a position`
}

function* faultsOfReader({ method }: Sent, { status, headers, text }: Got): Iterable<string> {
  if (status !== 200 && status !== 304) return
  if (!/^\d+$/.test(String(headers.age))) yield 'Age is no number'
  if (!/^freshet; (hit|fwd=)/.test(String(headers['cache-status']))) yield 'Cache-Status says nothing'
  if (status === 200 && method === 'GET' && headers['content-length'] !== String(Buffer.byteLength(text)))
    yield 'Content-Length is not that of the body'
}

function* faultsOfWriter({ headers: asked }: Sent, { status, headers, text }: Got): Iterable<string> {
  if (status === 304) yield 'a writer says 304'
  if ((status === 201) !== (headers.location !== undefined)) yield 'Location belongs to 201'
  if (status === 200 || status === 201) {
    if (!ETAG.test(String(headers.etag))) yield 'a version without a tag'
    const minimal = /return=minimal/.test(headers['preference-applied']?.toString() ?? '')
    if (minimal !== (text === '')) yield 'a body although it was not wanted, or none'
    if (!minimal && headers['content-type'] !== 'application/json') yield 'a document that is no JSON'
  }
  if (headers['idempotency-replayed'] !== undefined && asked['idempotency-key'] === undefined)
    yield 'a replay of nothing'
}
