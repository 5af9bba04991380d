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
import type { OnceRequest } from './once.ts'

/** A request that may be done as far as its head tells; its body has not been read. */
export interface Asked {
  readonly request: IncomingMessage
  readonly collection: Collection
  readonly preferences: Preferences
  /** For its body. */
  readonly share: BodyShare
  /** It has an `Idempotency-Key`. */
  readonly once: OnceRequest | undefined
}

/** One about a document that the URL names. */
export interface AskedOfDocument extends Asked {
  readonly id: Id
  readonly preconditions: Preconditions
}

/** What the head of a request asks for, once it is known who asks. */
export function askedBy(
  request: IncomingMessage,
  collection: Collection,
  share: BodyShare,
  once: OnceRequest | undefined,
): Asked {
  const prefer = request.headers[names.prefer]
  const preferences = readPrefer(Array.isArray(prefer) ? prefer[0] : prefer)
  return { request, collection, share, once, preferences }
}

/** @throws {ProblemError} bad-header; precondition-required: the collection wants a condition and there is none. */
export function askedOf(id: Id, asked: Asked): AskedOfDocument {
  const preconditions = new Preconditions(asked.request.headers)
  if (asked.collection.concurrency === 'required' && preconditions.none)
    throw new ProblemError('precondition-required')
  return { ...asked, id, preconditions }
}

/** What a client demands of the stored version (RFC 9110, 13). */
class Preconditions {
  readonly #ifMatch: Condition | undefined
  readonly #ifNoneMatch: Condition | undefined

  /** @throws {ProblemError} bad-header */
  constructor(headers: IncomingHttpHeaders) {
    this.#ifMatch = read(headers, 'if-match')
    this.#ifNoneMatch = read(headers, 'if-none-match')
  }

  /** There are none: any version will do, and none too. */
  get none(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch === undefined
  }

  /** Nothing may be stored, and that is all. */
  get createOnly(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch?.any === true
  }

  /** Whether all hold for a version; `undefined` says that nothing is stored. */
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
