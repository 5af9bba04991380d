import type { Collection } from '@freshet/documents'
import { headers as names, ProblemError, readPrefer, type Id, type Preferences } from '@freshet/protocol'
import type { BodyShare } from '@freshet/service'
import type { IncomingMessage } from 'node:http'
import type { OnceRequest } from './once.ts'
import { Preconditions } from './preconditions.ts'

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
