import type { StoredDocument } from '@freshet/documents'
import { ProblemError } from '@freshet/protocol'
import type { DocumentRequest } from '../write-request.ts'
import type { Decide } from '../store/contract.ts'
import { atPosition, placed, type OperationParts } from './parts.ts'

type Verdict<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'refused'; readonly refusal: ProblemError }

/**
 * Reads the stored version and writes what `decide` returns, atomically. If `decide` throws a `ProblemError`, it is
 * returned only once a majority has what it was based on, with that position.
 */
export async function readModifyWrite<T>(
  parts: OperationParts,
  { collection, id }: DocumentRequest,
  decide: Decide<T>,
): Promise<{ readonly value: T; readonly position: string }> {
  const { done, position } = await placed(parts, id, () =>
    parts.store.change<Verdict<T>>({ collection, id }, (stored) => {
      try {
        const { write, value } = decide(stored)
        return { write, value: { kind: 'done', value } }
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        return { write: 'keep', value: { kind: 'refused', refusal: error } }
      }
    }),
  )
  if (done.value.kind === 'refused') throw atPosition(done.value.refusal, position)
  return { value: done.value.value, position }
}

/** @throws {ProblemError} precondition-failed, with the ETag of the stored version. */
export function expectPreconditions(
  { codec }: Pick<OperationParts, 'codec'>,
  { preconditions }: DocumentRequest,
  stored: StoredDocument | undefined,
): void {
  if (preconditions.none) return
  const etag = stored && codec.encode(stored).etag
  if (preconditions.hold(etag)) return
  throw new ProblemError('precondition-failed', etag === undefined ? {} : { headers: { etag } })
}
