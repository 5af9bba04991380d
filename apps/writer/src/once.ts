import { headers as names, MAX_KEY_LENGTH, ProblemError, readIdempotencyKey } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** Headers that say what is to be done, or what is to be answered. */
const telling = ['content-type', 'if-match', 'if-none-match', names.prefer] as const

/** What a key was sent with, beside the body. */
export interface OnceTarget {
  readonly collection: string
  /** `undefined`: the collection as a whole. */
  readonly id: string | undefined
}

/** A request that is to be done once, however often it is sent. */
export class OnceRequest {
  /** Of the caller and his key: that of another caller is another one. Of 32 bytes, however long the two are. */
  readonly key: Uint8Array
  readonly #hash = createHash('sha256')
  #digest: Uint8Array | undefined

  constructor(
    key: string,
    caller: string,
    { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
    { collection, id }: OnceTarget,
  ) {
    this.key = createHash('sha256')
      .update(JSON.stringify([caller, key]))
      .digest()
    const values = telling.map((name) => headers[name] ?? null)
    this.#hash.update(JSON.stringify([method, collection, id ?? null, ...values]))
  }

  /** Takes the whole body, if there is one, and gives it back; before `digest`. */
  take(body: Buffer): Buffer {
    this.#hash.update(body)
    return body
  }

  /** Of all that was asked: the same for the same request only. */
  get digest(): Uint8Array {
    this.#digest ??= this.#hash.digest()
    return this.#digest
  }
}

/** The key of a request; `undefined`: it has none. @throws {ProblemError} bad-header */
export function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const header = headers[names.idempotencyKey]
  if (header === undefined) return undefined
  const key = typeof header === 'string' ? readIdempotencyKey(header) : undefined
  if (key !== undefined) return key
  throw new ProblemError('bad-header', {
    detail: `Expected one ${names.idempotencyKey} of 1 to ${MAX_KEY_LENGTH} visible ASCII characters, with or without quotes.`,
  })
}
