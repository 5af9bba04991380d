import { formatSourcePosition, ProblemError, headers as names } from '@freshet/protocol'
import type { Id, Position, RefusalOptions, SourceId } from '@freshet/protocol'
import { refusalOf } from '../outcomes.ts'
import type { SourceWatch } from '../source.ts'
import type { DocumentStore } from '../store/contract.ts'
import { StoreError } from '../store/errors.ts'
import { DoneBefore } from './changing-once.ts'
import { Replay } from './replay.ts'

/** What every operation works with. */
export interface OperationParts {
  readonly store: DocumentStore
  readonly source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>
  /** The largest body, in bytes. */
  readonly maxBodyBytes: number
}

/**
 * Gives the position of what `work` did as the text for the answer. The source is known before anything is sent, and
 * must be the same still after it was acknowledged.
 */
export async function placed<T extends { readonly at: Position }>(
  source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>,
  id: Id,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly position: string }> {
  const expected: SourceId = source.source ?? (await source.expect())
  const placedAt = async (at: Position): Promise<string> => {
    if (!(await source.stillIs(expected)))
      throw new ProblemError('outcome-unknown', {
        id,
        detail:
          'The database behind the writer was replaced, or lost the name of its history, while it wrote.',
      })
    return formatSourcePosition(expected, at)
  }
  let done: T
  try {
    done = await work()
  } catch (error) {
    if (error instanceof DoneBefore) throw new Replay(error.answer, await placedAt(error.at))
    const refusal = refusalOf(error, id)
    if (!(refusal instanceof ProblemError) || !(error instanceof StoreError) || error.at === undefined)
      throw refusal
    throw atPosition(refusal, await placedAt(error.at))
  }
  return { done, position: await placedAt(done.at) }
}

/** A refusal that says at which position it holds. */
export function refusedAt(
  position: string,
  code: ProblemError['code'],
  options: RefusalOptions = {},
): ProblemError {
  return new ProblemError(code, { ...options, headers: { ...options.headers, [names.position]: position } })
}

/** The same refusal, with the position at which it holds. */
export function atPosition(refusal: ProblemError, position: string): ProblemError {
  const { code, options, headers, cause } = refusal
  return refusedAt(position, code, { ...options, headers, cause })
}
