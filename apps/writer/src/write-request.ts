import type { Collection } from '@freshet/documents'
import {
  headers as names,
  matchesStrong,
  matchesWeak,
  ProblemError,
  readCondition,
  readPrefer,
  type Condition,
  type Id,
  type Preferences,
} from '@freshet/protocol'
import type { BodyShare } from '@freshet/service'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { IdempotentRequest } from './idempotent-request.ts'

/** A write whose head was accepted; its body has not been read. */
export interface WriteRequest {
  readonly request: IncomingMessage
  readonly collection: Collection
  readonly preferences: Preferences
  /** Memory for its body. */
  readonly share: BodyShare
  /** It has an `Idempotency-Key`. */
  readonly once: IdempotentRequest | undefined
}

/** A write to the document that the URL names. */
export interface DocumentRequest extends WriteRequest {
  readonly id: Id
  readonly preconditions: Preconditions
}

/** Reads the preferences from the head. */
export function toWriteRequest(
  request: IncomingMessage,
  collection: Collection,
  share: BodyShare,
  once: IdempotentRequest | undefined,
): WriteRequest {
  const prefer = request.headers[names.prefer]
  const preferences = readPrefer(Array.isArray(prefer) ? prefer[0] : prefer)
  return { request, collection, share, once, preferences }
}

/** Reads the preconditions. @throws {ProblemError} bad-header; precondition-required. */
export function toDocumentRequest(id: Id, asked: WriteRequest): DocumentRequest {
  const preconditions = new Preconditions(asked.request.headers)
  if (asked.collection.concurrency === 'required' && preconditions.none)
    throw new ProblemError('precondition-required')
  return { ...asked, id, preconditions }
}

/** The preconditions of a request (RFC 9110, 13). */
class Preconditions {
  readonly #ifMatch: Condition | undefined
  readonly #ifNoneMatch: Condition | undefined

  /** @throws {ProblemError} bad-header */
  constructor(headers: IncomingHttpHeaders) {
    this.#ifMatch = read(headers, 'if-match')
    this.#ifNoneMatch = read(headers, 'if-none-match')
  }

  /** No preconditions: any stored version will do, or none. */
  get none(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch === undefined
  }

  /** The only condition is `If-None-Match: *`. */
  get createOnly(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch?.any === true
  }

  /** Whether all hold for a version; `undefined`: no document is stored. */
  hold(etag: string | undefined): boolean {
    if (this.#ifMatch && !matchesStrong(this.#ifMatch, etag)) return false
    return !(this.#ifNoneMatch && matchesWeak(this.#ifNoneMatch, etag))
  }
}

function read(headers: IncomingHttpHeaders, name: 'if-match' | 'if-none-match'): Condition | undefined {
  const header = headers[name]
  if (header === undefined) return undefined
  const condition = readCondition(header)
  if (condition) return condition
  throw new ProblemError('bad-header', { detail: `Expected * or a list of entity tags in ${name}.` })
}
