import type { Collection, DocumentCodec, StoredDocument } from '@freshet/documents'
import { ProblemError, headers as names, type Lineage, type Position } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { OnceRequest } from '../once.ts'
import type { KeptAnswer, WriteStore } from '../store/contract.ts'
import { documentPath } from './documents.ts'
import type { Change } from './read-modify-write-store.ts'

/** The same caller sent the key before, and was answered: an operation has nothing to do, and is left by this. */
export class AnsweredBefore extends Error {
  override readonly name = 'AnsweredBefore'
  readonly #kept: KeptAnswer
  /** Where a majority has that answer. */
  readonly at: Position
  /** The same as a header has it, once that is known. */
  readonly #position: string

  constructor(kept: KeptAnswer, at: Position, position = '') {
    super('the key was used before')
    this.#kept = kept
    this.at = at
    this.#position = position
  }

  /** The same, with the text of its position. */
  placed(position: string): AnsweredBefore {
    return new AnsweredBefore(this.#kept, this.at, position)
  }

  /** The answer that was kept for this request. @throws {ProblemError} idempotency-mismatch: it was another one. */
  answerTo({ digest }: OnceRequest): Answer {
    const { request, status, etag, location, json } = this.#kept
    const position = this.#position
    if (Buffer.compare(request, digest) !== 0)
      throw new ProblemError('idempotency-mismatch', { headers: { [names.position]: position } })
    const version = etag === undefined ? undefined : { etag, json: Buffer.from(json ?? []) }
    return { status, position, version, location, replayed: true }
  }
}

/** What `work` answers to a request that is to be done once, or what was answered to it before. */
export async function answeredOnce(once: OnceRequest, work: Promise<Answer>): Promise<Answer> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof AnsweredBefore)) throw error
    return error.answerTo(once)
  }
}

/** What a write that is done once is told. */
export interface OnceWrite {
  readonly once: OnceRequest
  readonly collection: Collection
  /** The client wants no document in the answer, so none is kept. */
  readonly minimal: boolean
  readonly cause: Lineage | undefined
}

/** Changes documents once for a key, and keeps what is answered. It rejects with {@link AnsweredBefore} too. */
export function changingOnce(
  store: Pick<WriteStore, 'changeOnce'>,
  codec: Pick<DocumentCodec, 'encode' | 'idOf'>,
  write: OnceWrite,
): Change {
  const { once, collection, minimal, cause } = write
  const answerOf = (next: StoredDocument | 'remove', existed: boolean): KeptAnswer => {
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
    if (value.kind === 'before') throw new AnsweredBefore(value.answer, acknowledged.at)
    return { ...acknowledged, value: value.value }
  }
}
