import { headers as names, matchesStrong, matchesWeak, ProblemError, readCondition } from '@freshet/protocol'
import { ABSENT, type Absent } from '@freshet/replica'
import type { ByteLease } from '@freshet/kit'
import { endWithText, parameterOf, sendProblem, type ResponseBudget, type Route } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Facts } from './facts.ts'
import type { CachedDocument } from './cached-document.ts'
import type { ReaderRouteParts } from './routes.ts'
import { readWanted } from './wanted.ts'
import { whenRoom } from './when-room.ts'

/** `GET /{collection}/{id}`, as far as it was not answered from memory at once. */
export function readDocument({ facts, reads, documents }: ReaderRouteParts): Route['answer'] {
  return async (call) => {
    const { request, response } = call
    const wanted = readWanted(request.headers)
    const ids = [parameterOf(call, 'id')]
    await whenRoom(reads, response, async (lease) => {
      const { answer, provedAtArrival } = await reads.read(
        parameterOf(call, 'collection'),
        ids,
        wanted,
        response,
      )
      const [value] = answer.values
      if (value === undefined) throw new Error('the replica answered without a value')
      return documents.send(request, response, value, facts.ofAnswer(answer, provedAtArrival), lease)
    })
  }
}

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
  readonly #room: ResponseBudget

  constructor(room: ResponseBudget) {
    this.#room = room
  }

  /**
   * 200, 304, 404 or 412. Gives the bytes that there is no room for now; nothing was sent then. 0: it was.
   * @throws {ProblemError} bad-header
   */
  send(
    request: IncomingMessage,
    response: ServerResponse,
    value: CachedDocument | Absent,
    facts: Facts,
    lease?: ByteLease,
  ): number {
    if (value === ABSENT) return sendNotFound(response, facts)
    const { headers } = request
    if (headers['if-match'] !== undefined && !matches(headers['if-match'], value.etag, 'if-match')) {
      sendProblem(response, 'precondition-failed', { headers: { ...factHeaders(facts), etag: value.etag } })
      return 0
    }
    const known = headers['if-none-match']
    if (known !== undefined && (known === value.etag || matches(known, value.etag, 'if-none-match')))
      return this.#sendNotModified(response, value, facts)
    if (request.method !== 'GET') return this.#sendHead(response, value, facts)
    return this.#sendFull(response, value, facts, lease)
  }

  #sendFull(
    response: ServerResponse,
    cached: CachedDocument,
    facts: Facts,
    lease: ByteLease | undefined,
  ): number {
    const { body } = cached
    if (typeof body === 'string') {
      response.writeHead(200, this.#headOf(cached, facts))
      endWithText(response, body)
      return 0
    }
    // A cached Buffer is large, and stays in memory for a slow client even when it is evicted.
    const enough = lease !== undefined && lease.bytes >= body.length
    if (!enough && !this.#room.hasCapacity(body.length)) return body.length
    response.writeHead(200, this.#headOf(cached, facts))
    this.#room.end(response, body, enough ? lease : undefined)
    return 0
  }

  #sendHead(response: ServerResponse, cached: CachedDocument, facts: Facts): number {
    response.writeHead(200, this.#headOf(cached, facts))
    response.end()
    return 0
  }

  #headOf({ etag, body }: CachedDocument, facts: Facts): string[] {
    const list = this.#full
    fill(list, facts)
    list[ETAG] = etag
    list[LENGTH] = String(body.length)
    return list
  }

  #sendNotModified(response: ServerResponse, { etag }: CachedDocument, facts: Facts): number {
    const list = this.#empty
    fill(list, facts)
    list[ETAG] = etag
    response.writeHead(304, list)
    response.end()
    return 0
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

function sendNotFound(response: ServerResponse, facts: Facts): number {
  sendProblem(response, 'not-found', { headers: factHeaders(facts) })
  return 0
}

function matches(header: string, etag: string, name: 'if-match' | 'if-none-match'): boolean {
  const condition = readCondition(header)
  if (condition === undefined)
    throw new ProblemError('bad-header', { detail: `Expected * or a list of entity tags in ${name}.` })
  return name === 'if-match' ? matchesStrong(condition, etag) : matchesWeak(condition, etag)
}
