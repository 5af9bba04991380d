import { headers as names, MAX_KEY_LENGTH, ProblemError, readIdempotencyKey } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

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
