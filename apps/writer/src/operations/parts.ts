import { formatSourcePosition, ProblemError, headers as names } from '@freshet/protocol'
import type { Id, Position, RefusalOptions, SourceId } from '@freshet/protocol'
import { refusalOf } from '../outcomes.ts'
import type { SourceWatch } from '../source.ts'
import type { WriteStore } from '../store/contract.ts'

/** What every operation works with. */
export interface OperationParts {
  readonly store: WriteStore
  readonly source: Pick<SourceWatch, 'expect'>
  /** The largest body, in bytes. */
  readonly maxBodyBytes: number
}

/** Gives the position of what `work` did as the text for the answer. The source is known before anything is sent. */
export async function placed<T extends { readonly at: Position }>(
  source: Pick<SourceWatch, 'expect'>,
  id: Id,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly position: string }> {
  const id8: SourceId = source.expect()
  try {
    const done = await work()
    return { done, position: formatSourcePosition(id8, done.at) }
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
