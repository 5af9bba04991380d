import { ETAG_LENGTH, type DocumentCodec } from '@freshet/documents'
import type { ByteLease } from '@freshet/kit'
import {
  headers as names,
  matchesStrong,
  matchesWeak,
  ProblemError,
  readCondition,
  type Id,
} from '@freshet/protocol'
import { ABSENT, bufferBytes, textBytes, type Absent, type Encoder } from '@freshet/replica'
import { endWithText, parameterOf, sendProblem, type ResponseBudget, type Route } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readMinFreshness, type FreshnessHeaders } from './freshness.ts'
import type { ReaderRouteParts } from './reader-handler.ts'

/**
 * Longer bodies are cached as a Buffer. Up to this size a Latin-1 string is as fast to send, since node:http joins it
 * with the head into one write. At 100 KB a Buffer is a fifth cheaper to send.
 */
const LONGEST_TEXT_BYTES = 16 * 1024

/** The object and its two fields. */
const OVERHEAD_BYTES = 40

/** One version of a document, ready to send. Immutable. */
export interface Representation<B extends string | Buffer = string | Buffer> {
  /** Including the quotes. */
  readonly etag: string
  /** The JSON bytes: a `latin1` string, or a Buffer that owns its memory. */
  readonly body: B
}

/** A representation as it is cached. Up to 16 KiB it is one string, the ETag and then the body: an object with two takes 90 bytes more. */
export type CachedDocument = string | Representation<Buffer>

/** Encodes documents for the cache: all expensive work is done here, once per version. */
export function documentEncoder(encode: DocumentCodec['encode']): Encoder<CachedDocument> {
  return {
    encode: (document) => {
      const { json, etag: tag } = encode(document)
      const etag = Buffer.from(tag, 'latin1')
      // Made of bytes: a concatenated string would retain its parts.
      if (json.length <= LONGEST_TEXT_BYTES && etag.length === ETAG_LENGTH)
        return Buffer.concat([etag, json]).toString('latin1')
      return { etag: etag.toString('latin1'), body: json }
    },
    sizeOf: (cached) =>
      typeof cached === 'string'
        ? textBytes(cached)
        : OVERHEAD_BYTES + textBytes(cached.etag) + bufferBytes(cached.body),
  }
}

/** Costs two string views. */
export function representationOf(cached: CachedDocument): Representation {
  if (typeof cached !== 'string') return cached
  return { etag: cached.slice(0, ETAG_LENGTH), body: cached.slice(ETAG_LENGTH) }
}

/** Reads a document that is not cached as the request needs it, and answers. */
export type ReadDocument = (
  request: IncomingMessage,
  response: ServerResponse,
  collection: string,
  id: Id,
) => Promise<void>

export function readDocument({ freshness, reads, documents }: ReaderRouteParts): ReadDocument {
  return async (request, response, collection, id) => {
    const required = readMinFreshness(request.headers)
    const ids = [id]
    await reads.send(response, async (lease) => {
      const { answer, provedAtArrival } = await reads.read(collection, ids, required, response)
      const [value] = answer.values
      if (value === undefined) throw new Error('the replica answered without a value')
      return documents.send(request, response, value, freshness.forAnswer(answer, provedAtArrival), lease)
    })
  }
}

/** `GET /{collection}/{id}`, however its URL is spelled. */
export function documentRoute(parts: ReaderRouteParts): Route['answer'] {
  const read = readDocument(parts)
  return (call) => read(call.request, call.response, parameterOf(call, 'collection'), parameterOf(call, 'id'))
}

/** Indexes of the variable values in the header lists; the names never change. */
const POSITION = 1
const AGE = 3
const CACHE_STATUS = 5
const ETAG = 9
const LENGTH = 13

function head(): string[] {
  return ['Freshet-Position', '', 'Age', '', 'Cache-Status', '', 'Cache-Control', 'no-cache']
}

/**
 * Sends responses with one document. The header lists are reused for every response: `writeHead` copies them before it
 * returns.
 */
export class DocumentAnswer {
  readonly #full = [...head(), 'ETag', '', 'Content-Type', 'application/json', 'Content-Length', '']
  readonly #empty = [...head(), 'ETag', '']
  readonly #room: ResponseBudget

  constructor(room: ResponseBudget) {
    this.#room = room
  }

  /**
   * Sends 200, 304, 404 or 412. Returns 0 when sent, or the bytes it lacks memory for; nothing was sent then.
   * @throws {ProblemError} bad-header
   */
  send(
    request: IncomingMessage,
    response: ServerResponse,
    value: CachedDocument | Absent,
    freshness: FreshnessHeaders,
    lease?: ByteLease,
  ): number {
    if (value === ABSENT) return sendNotFound(response, freshness)
    const representation = representationOf(value)
    const { etag } = representation
    const { headers } = request
    if (headers['if-match'] !== undefined && !matches(headers['if-match'], etag, 'if-match')) {
      sendProblem(response, 'precondition-failed', {
        headers: { ...freshnessHeaders(freshness), etag },
      })
      return 0
    }
    const known = headers['if-none-match']
    if (known !== undefined && (known === etag || matches(known, etag, 'if-none-match')))
      return this.#sendNotModified(response, etag, freshness)
    if (request.method !== 'GET') return this.#sendHead(response, representation, freshness)
    return this.#sendFull(response, representation, freshness, lease)
  }

  #sendFull(
    response: ServerResponse,
    representation: Representation,
    freshness: FreshnessHeaders,
    lease: ByteLease | undefined,
  ): number {
    const { body } = representation
    if (typeof body === 'string') {
      response.writeHead(200, this.#headOf(representation, freshness))
      endWithText(response, body)
      return 0
    }
    // A Buffer is large, and a slow client keeps it in memory even after eviction.
    const enough = lease !== undefined && lease.bytes >= body.length
    if (!enough && !this.#room.hasCapacity(body.length)) return body.length
    response.writeHead(200, this.#headOf(representation, freshness))
    this.#room.end(response, body, enough ? lease : undefined)
    return 0
  }

  #sendHead(response: ServerResponse, representation: Representation, freshness: FreshnessHeaders): number {
    response.writeHead(200, this.#headOf(representation, freshness))
    response.end()
    return 0
  }

  #headOf({ etag, body }: Representation, freshness: FreshnessHeaders): string[] {
    const list = this.#full
    fill(list, freshness)
    list[ETAG] = etag
    list[LENGTH] = String(body.length)
    return list
  }

  #sendNotModified(response: ServerResponse, etag: string, freshness: FreshnessHeaders): number {
    const list = this.#empty
    fill(list, freshness)
    list[ETAG] = etag
    response.writeHead(304, list)
    response.end()
    return 0
  }
}

/** The freshness headers as an object, for responses without a reused list. */
export function freshnessHeaders({ position, age, cacheStatus }: FreshnessHeaders): Record<string, string> {
  return { [names.position]: position, age, [names.cacheStatus]: cacheStatus, 'cache-control': 'no-cache' }
}

function fill(list: string[], { position, age, cacheStatus }: FreshnessHeaders): void {
  list[POSITION] = position
  list[AGE] = age
  list[CACHE_STATUS] = cacheStatus
}

function sendNotFound(response: ServerResponse, freshness: FreshnessHeaders): number {
  sendProblem(response, 'not-found', { headers: freshnessHeaders(freshness) })
  return 0
}

function matches(header: string, etag: string, name: 'if-match' | 'if-none-match'): boolean {
  const condition = readCondition(header)
  if (condition === undefined)
    throw new ProblemError('bad-header', { detail: `Expected * or a list of entity tags in ${name}.` })
  return name === 'if-match' ? matchesStrong(condition, etag) : matchesWeak(condition, etag)
}
