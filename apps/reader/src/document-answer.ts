import { headers as names, matchesStrong, matchesWeak, ProblemError, readCondition } from '@freshet/protocol'
import { ABSENT, type Absent } from '@freshet/replica'
import { endWithText, sendProblem } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Facts } from './facts.ts'
import type { Held } from './held.ts'
import type { UnsentAnswers } from './unsent-answers.ts'

/** Where the values stand that differ between answers; the names before them never change. */
const POSITION = 1
const AGE = 3
const CACHE_STATUS = 5
const ETAG = 9
const LENGTH = 13

function head(): string[] {
  return ['Freshet-Position', '', 'Age', '', 'Cache-Status', '', 'Cache-Control', 'no-cache']
}

/**
 * Writes the answers about one document. The lists of headers are made once and filled anew for each answer:
 * `writeHead` reads such a list before it returns and keeps nothing of it.
 */
export class DocumentAnswer {
  readonly #full = [...head(), 'ETag', '', 'Content-Type', 'application/json', 'Content-Length', '']
  readonly #empty = [...head(), 'ETag', '']
  readonly #unsent: UnsentAnswers

  constructor(unsent: UnsentAnswers) {
    this.#unsent = unsent
  }

  /** 200, 304, 404 or 412. @throws {ProblemError} bad-header, overloaded */
  send(request: IncomingMessage, response: ServerResponse, value: Held | Absent, facts: Facts): void {
    if (value === ABSENT) return sendNotFound(response, facts)
    const { headers } = request
    if (headers['if-match'] !== undefined && !matches(headers['if-match'], value.etag, 'if-match'))
      return sendProblem(response, 'precondition-failed', {
        headers: { ...factHeaders(facts), etag: value.etag },
      })
    const known = headers['if-none-match']
    if (known !== undefined && (known === value.etag || matches(known, value.etag, 'if-none-match')))
      return this.#sendNotModified(response, value, facts)
    this.#sendFull(response, value, facts, request.method === 'GET')
  }

  #sendFull(response: ServerResponse, { etag, body }: Held, facts: Facts, withBody: boolean): void {
    // What is held as a Buffer is large: it stays in memory for a slow client although it was evicted.
    const large = withBody && typeof body !== 'string'
    if (large) this.#unsent.expectRoom(body.length)
    const list = this.#full
    fill(list, facts)
    list[ETAG] = etag
    list[LENGTH] = String(body.length)
    response.writeHead(200, list)
    if (!withBody) response.end()
    else if (typeof body === 'string') endWithText(response, body)
    else response.end(body)
    if (large) this.#unsent.count(response, body.length)
  }

  #sendNotModified(response: ServerResponse, { etag }: Held, facts: Facts): void {
    const list = this.#empty
    fill(list, facts)
    list[ETAG] = etag
    response.writeHead(304, list)
    response.end()
  }
}

/** The headers of an answer that states a fact, for those that are not about one document. */
export function factHeaders({ position, age, cacheStatus }: Facts): Record<string, string> {
  return { [names.position]: position, age, [names.cacheStatus]: cacheStatus, 'cache-control': 'no-cache' }
}

function fill(list: string[], { position, age, cacheStatus }: Facts): void {
  list[POSITION] = position
  list[AGE] = age
  list[CACHE_STATUS] = cacheStatus
}

function sendNotFound(response: ServerResponse, facts: Facts): void {
  sendProblem(response, 'not-found', { headers: factHeaders(facts) })
}

function matches(header: string, etag: string, name: 'if-match' | 'if-none-match'): boolean {
  const condition = readCondition(header)
  if (condition === undefined)
    throw new ProblemError('bad-header', { detail: `Wanted * or a list of entity tags in ${name}.` })
  return name === 'if-match' ? matchesStrong(condition, etag) : matchesWeak(condition, etag)
}
