import { BodyError, type Collection, type PatchFormat } from '@freshet/documents'
import {
  headers as names,
  matchesStrong,
  matchesWeak,
  MAX_KEY_LENGTH,
  ProblemError,
  readCondition,
  readIdempotencyKey,
  readPrefer,
  type Condition,
  type Id,
  type Preferences,
} from '@freshet/protocol'
import { receiveBody, type BodyShare } from '@freshet/service'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

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

/** Headers that affect the write or its answer. */
const telling = ['content-type', 'if-match', 'if-none-match', names.prefer] as const

/** The target of a request with a key. */
export interface RequestTarget {
  readonly collection: string
  /** `undefined`: the collection as a whole. */
  readonly id: string | undefined
}

/** A request with an `Idempotency-Key`: takes effect once, however often it is sent. */
export class IdempotentRequest {
  /** Hash of caller and key: keys are scoped to their caller. Always 32 bytes. */
  readonly key: Uint8Array
  readonly #hash = createHash('sha256')
  #digest: Uint8Array | undefined

  constructor(
    key: string,
    caller: string,
    { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
    { collection, id }: RequestTarget,
  ) {
    this.key = createHash('sha256')
      .update(JSON.stringify([caller, key]))
      .digest()
    const values = telling.map((name) => headers[name] ?? null)
    this.#hash.update(JSON.stringify([method, collection, id ?? null, ...values]))
  }

  /** Hashes the whole body and returns it; call it before `digest`. */
  take(body: Buffer): Buffer {
    this.#hash.update(body)
    return body
  }

  /** Fingerprint of the request: equal only for equal requests. */
  get digest(): Uint8Array {
    this.#digest ??= this.#hash.digest()
    return this.#digest
  }
}

/** The key of a request; `undefined`: it has none. @throws {ProblemError} bad-header */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers[names.idempotencyKey]
  if (header === undefined) return undefined
  const key = typeof header === 'string' ? readIdempotencyKey(header) : undefined
  if (key !== undefined) return key
  throw new ProblemError('bad-header', {
    detail: `Expected one ${names.idempotencyKey} of 1 to ${MAX_KEY_LENGTH} visible ASCII characters, with or without quotes.`,
  })
}

/** Reads the whole body; call it once. Rejects as `receiveBody` does. */
export function readBody({ request, share, once }: WriteRequest, maxBodyBytes: number): Promise<Buffer> {
  const received = receiveBody(request, maxBodyBytes, share)
  return once === undefined ? received : received.then((body) => once.take(body))
}

/** Runs `work` and converts a `BodyError` into the problem with the same code. @throws {ProblemError} */
export function withBodyProblems<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    const { code, pointer, detail } = error
    throw new ProblemError(code, { errors: [{ pointer, detail }], cause: error })
  }
}

const json = 'application/json'

/** The formats of patches, by their media types. */
const patchFormats = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
} as const satisfies Record<string, PatchFormat>

/** @throws {ProblemError} unsupported-media-type: the body is not JSON. */
export function expectJson(contentType: string | undefined): void {
  // Fast path for the usual value.
  if (contentType === json || typeOf(contentType) === json) return
  throw new ProblemError('unsupported-media-type', {
    detail: `Expected Content-Type: ${json}.`,
    headers: { 'accept-post': json },
  })
}

/** @throws {ProblemError} unsupported-media-type, with `Accept-Patch` (RFC 5789, 3.1). */
export function expectPatch(contentType: string | undefined): PatchFormat {
  const type = typeOf(contentType)
  for (const [name, format] of Object.entries(patchFormats)) if (type === name) return format
  const accepted = Object.keys(patchFormats).join(', ')
  throw new ProblemError('unsupported-media-type', {
    detail: `Expected Content-Type: ${Object.keys(patchFormats).join(' or ')}.`,
    headers: { 'accept-patch': accepted },
  })
}

/** The media type in lower case; `undefined` when a charset other than UTF-8 is named, which JSON does not have. */
function typeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  const other = parameters.find((one) => one.startsWith('charset=') && !/^charset="?utf-?8"?$/.test(one))
  return other === undefined ? type : undefined
}
