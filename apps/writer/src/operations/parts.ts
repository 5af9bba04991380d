import type { DocumentCodec } from '@freshet/documents'
import { formatSourcePosition, ProblemError, headers as names } from '@freshet/protocol'
import type { Id, Position, RefusalOptions, SourceId } from '@freshet/protocol'
import { storeProblem } from '../store-problem.ts'
import type { SourceWatch } from '../source.ts'
import type { Acknowledged, DocumentStore } from '../store/contract.ts'
import { StoreError } from '../store/errors.ts'
import type { WriteLimit } from '../write-limit.ts'
import { ReplayedAnswer } from './idempotency.ts'

/** Dependencies of every operation. */
export interface OperationParts {
  readonly codec: DocumentCodec
  readonly store: DocumentStore
  readonly limit: Pick<WriteLimit, 'run' | 'heard'>
  readonly source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>
  /** Largest body, in bytes. */
  readonly maxBodyBytes: number
}

/** The result of a store operation, and its position as a header value. */
export interface Placed<T> {
  readonly done: T
  readonly position: string
}

/**
 * Runs a store operation within the limit of concurrent writes and returns its position. The source must be known
 * before anything is sent and still the same after the acknowledgement.
 */
export async function placed<T extends Acknowledged>(
  { source, limit }: Pick<OperationParts, 'source' | 'limit'>,
  id: Id,
  work: () => Promise<T>,
): Promise<Placed<T>> {
  const expected: SourceId = source.source ?? (await source.expect())
  const placedAt = async (at: Position): Promise<string> => {
    if (!(await source.stillIs(expected)))
      throw new ProblemError('outcome-unknown', {
        id,
        detail: 'The database was replaced, or lost its source id, during the write.',
      })
    return formatSourcePosition(expected, at)
  }
  let done: T
  try {
    done = await limit.run(work)
  } catch (error) {
    if (error instanceof ReplayedAnswer) {
      limit.heard(false)
      throw error.placed(await placedAt(error.at))
    }
    const refusal = storeProblem(error, id)
    if (!(refusal instanceof ProblemError) || !(error instanceof StoreError) || error.at === undefined)
      throw refusal
    throw atPosition(refusal, await placedAt(error.at))
  }
  return { done, position: await placedAt(done.at) }
}

/** An error response that holds at a position. */
export function refusedAt(
  position: string,
  code: ProblemError['code'],
  options: RefusalOptions = {},
): ProblemError {
  return new ProblemError(code, { ...options, headers: { ...options.headers, [names.position]: position } })
}

/** The same error with the position at which it holds. */
export function atPosition(refusal: ProblemError, position: string): ProblemError {
  const { code, options, headers, cause } = refusal
  return refusedAt(position, code, { ...options, headers, cause })
}
