import { ProblemError, headers as names } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { OnceRequest } from '../once.ts'
import type { KeptAnswer } from '../store/contract.ts'

/** The key was used before; thrown through an operation, which has nothing to do then. */
export class Replay extends Error {
  override readonly name = 'Replay'
  readonly #kept: KeptAnswer
  readonly #position: string

  /** `position`: where a majority has the kept answer. */
  constructor(kept: KeptAnswer, position: string) {
    super('answered before')
    this.#kept = kept
    this.#position = position
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
    if (!(error instanceof Replay)) throw error
    return error.answerTo(once)
  }
}
