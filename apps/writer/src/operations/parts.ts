import { formatSourcePosition, ProblemError, headers as names } from '@freshet/protocol'
import type { Id, Position, RefusalOptions, SourceId } from '@freshet/protocol'
import { refusalOf } from '../outcomes.ts'
import type { SourceWatch } from '../source.ts'
import type { WriteStore } from '../store/contract.ts'

/** What every operation works with. */
export interface OperationParts {
  readonly store: WriteStore
  readonly source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>
  /** The largest body, in bytes. */
  readonly maxBodyBytes: number
}

/**
 * Gives the position of what `work` did as the text for the answer. The source is known before anything is sent, and
 * must be the same still when it is acknowledged.
 */
export async function placed<T extends { readonly at: Position }>(
  source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>,
  id: Id,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly position: string }> {
  const expected: SourceId = source.source ?? (await source.expect())
  const done = await orRefusal(work, id)
  if (source.source !== expected && !(await source.stillIs(expected)))
    throw new ProblemError('outcome-unknown', {
      id,
      detail: 'The database behind the writer was replaced while it wrote.',
    })
  return { done, position: formatSourcePosition(expected, done.at) }
}

async function orRefusal<T>(work: () => Promise<T>, id: Id): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw refusalOf(error, id)
  }
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
