import type { EncodedDocument } from '@freshet/documents'
import { headers as names } from '@freshet/protocol'
import { endWithBytes, endWithText, type BodyShare } from '@freshet/service'
import type { ServerResponse } from 'node:http'

/** The answer to a completed write. */
export interface Answer {
  readonly status: 200 | 201 | 204
  /** `Freshet-Position` */
  readonly position: string
  /** The stored version, if any. Messages have no ETag. */
  readonly version: (Pick<EncodedDocument, 'json'> & Partial<Pick<EncodedDocument, 'etag'>>) | undefined
  /** Path of a created document below `/v1`, wherever the routes are mounted, because it may be stored. */
  readonly location: string | undefined
  /** Replayed: the same `Idempotency-Key` was answered before. */
  readonly replayed?: true
}

/** The preferences that apply to this request. */
export interface AppliedPreferences {
  readonly minimal: boolean
  readonly lenient: boolean
}

/** How an answer is sent. */
export interface AnswerOptions {
  readonly followed: AppliedPreferences
  /** The URL path before the routes, for `Location`. */
  readonly base: string
  readonly share: BodyShare
}

/** The base of stored paths. */
const STORED_BASE = '/v1'

/** Longer bodies are sent as a Buffer: a string would be another copy. As in the reader. */
const LONGEST_TEXT_BYTES = 16 * 1024

/**
 * Sends the answer. Headers are a flat list, which `writeHead` does not validate one by one.
 * @throws {ProblemError} overloaded: no memory for a replayed answer.
 */
export function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  { followed, base, share }: AnswerOptions,
): void {
  const { status, position, version, location, replayed } = answer
  const list = ['Freshet-Position', position, 'Cache-Control', 'no-cache']
  if (location !== undefined) list.push('Location', base + location.slice(STORED_BASE.length))
  if (version?.etag !== undefined) list.push('ETag', version.etag)
  if (replayed) list.push('Idempotency-Replayed', 'true')
  const applied = appliedOf(followed)
  if (applied !== '') list.push(names.preferenceApplied, applied)
  if (!version) return sendEmpty(response, status, list)
  if (followed.minimal) {
    list.push('Content-Length', '0')
    return sendEmpty(response, status, list)
  }
  list.push('Content-Type', 'application/json', 'Content-Length', String(version.json.length))
  const lease = share.answering(version.json.length)
  response.writeHead(status, list)
  if (version.json.length > LONGEST_TEXT_BYTES) endWithBytes(response, version.json, lease)
  else endWithText(response, version.json.toString('latin1'))
}

function sendEmpty(response: ServerResponse, status: number, list: string[]): void {
  response.writeHead(status, list)
  response.end()
}

/** RFC 7240, 3. */
function appliedOf({ minimal, lenient }: AppliedPreferences): string {
  if (minimal) return lenient ? 'return=minimal, handling=lenient' : 'return=minimal'
  return lenient ? 'handling=lenient' : ''
}
