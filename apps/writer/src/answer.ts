import type { EncodedDocument } from '@freshet/documents'
import { headers as names } from '@freshet/protocol'
import { endWithBytes, endWithText, type BodyShare } from '@freshet/service'
import type { ServerResponse } from 'node:http'

/** What is said of a write that was done. */
export interface Answer {
  readonly status: 200 | 201 | 204
  /** `Freshet-Position` */
  readonly position: string
  /** The version that is stored now, where there is one. */
  readonly version: EncodedDocument | undefined
  /** Path of a document that was made, as it is below `/v1` wherever the routes are mounted: it may be kept. */
  readonly location: string | undefined
  /** Nothing was done now: it was answered before, under the same `Idempotency-Key`. */
  readonly replayed?: true
}

/** The preferences that an answer follows; those that say nothing to its request are left out. */
export interface Followed {
  readonly minimal: boolean
  readonly lenient: boolean
}

/** How an answer is sent. */
export interface AnswerTerms {
  readonly followed: Followed
  /** What stands before the paths of the routes, for `Location`. */
  readonly base: string
  readonly share: BodyShare
}

/** What paths in answers begin with. */
const KEPT_BASE = '/v1'

/** Longer bodies go out as they are: as a text they would be copied once more. As in the reader. */
const LONGEST_TEXT_BYTES = 16 * 1024

/**
 * Writes the answer: names and values in turn, which `writeHead` takes without looking at them one by one.
 * @throws {ProblemError} overloaded: it was kept for this request, and there is no room for it now.
 */
export function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  { followed, base, share }: AnswerTerms,
): void {
  const { status, position, version, location, replayed } = answer
  const list = ['Freshet-Position', position, 'Cache-Control', 'no-cache']
  if (location !== undefined) list.push('Location', base + location.slice(KEPT_BASE.length))
  if (version) list.push('ETag', version.etag)
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
function appliedOf({ minimal, lenient }: Followed): string {
  if (minimal) return lenient ? 'return=minimal, handling=lenient' : 'return=minimal'
  return lenient ? 'handling=lenient' : ''
}
