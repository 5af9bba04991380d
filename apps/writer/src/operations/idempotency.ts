import type { Collection, DocumentCodec, StoredDocument } from '@freshet/documents'
import { ProblemError, headers as names, type Lineage, type Position } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { IdempotentRequest } from '../write-request.ts'
import type { StoredAnswer, WriteStore } from '../store/contract.ts'
import { documentPath } from './documents.ts'
import type { Change } from './read-modify-write-store.ts'

/** Thrown to end an operation whose key already has a stored answer. */
export class ReplayedAnswer extends Error {
  override readonly name = 'ReplayedAnswer'
  readonly #kept: StoredAnswer
  /** A position at which a majority has the stored answer. */
  readonly at: Position
  /** The position as a header value, once known. */
  readonly #position: string

  constructor(kept: StoredAnswer, at: Position, position = '') {
    super('the idempotency key was used before')
    this.#kept = kept
    this.at = at
    this.#position = position
  }

  /** A copy with the position as a header value. */
  placed(position: string): ReplayedAnswer {
    return new ReplayedAnswer(this.#kept, this.at, position)
  }

  /**
   * The stored answer for this request. @throws {ProblemError} idempotency-mismatch: the key belongs to another
   * request.
   */
  answerTo({ digest }: IdempotentRequest): Answer {
    const { request, status, etag, location, json } = this.#kept
    const position = this.#position
    if (Buffer.compare(request, digest) !== 0)
      throw new ProblemError('idempotency-mismatch', { headers: { [names.position]: position } })
    const version = etag === undefined ? undefined : { etag, json: Buffer.from(json ?? []) }
    return { status, position, version, location, replayed: true }
  }
}

/** Runs `work` once per key; a repetition gets the stored answer. */
export async function answeredOnce(once: IdempotentRequest, work: Promise<Answer>): Promise<Answer> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof ReplayedAnswer)) throw error
    return error.answerTo(once)
  }
}

/** Parameters of a write with an idempotency key. */
export interface OnceWrite {
  readonly once: IdempotentRequest
  readonly collection: Collection
  /** `Prefer: return=minimal`: no document in the answer, so none is stored. */
  readonly minimal: boolean
  readonly cause: Lineage | undefined
}

/** Changes documents once per key and stores the answer. Also rejects with {@link ReplayedAnswer}. */
export function changingOnce(
  store: Pick<WriteStore, 'changeOnce'>,
  codec: Pick<DocumentCodec, 'encode' | 'idOf'>,
  write: OnceWrite,
): Change {
  const { once, collection, minimal, cause } = write
  const answerOf = (next: StoredDocument | 'remove', existed: boolean): StoredAnswer => {
    const { digest: request } = once
    if (next === 'remove')
      return { request, status: 204, etag: undefined, location: undefined, json: undefined }
    const { etag, json } = codec.encode(next)
    const id = existed ? undefined : codec.idOf(collection.idType, next)
    return {
      request,
      status: existed ? 200 : 201,
      etag,
      location: id === undefined ? undefined : documentPath(collection.name, id),
      json: minimal ? undefined : json,
    }
  }
  return async (place, decide) => {
    const { value, ...acknowledged } = await store.changeOnce(
      place,
      { key: once.key, answerOf },
      decide,
      cause,
    )
    if (value.kind === 'before') throw new ReplayedAnswer(value.answer, acknowledged.at)
    return { ...acknowledged, value: value.value }
  }
}
