import { firstNotPlain, idToBson } from '@freshet/documents-mongodb'
import { ProblemError } from '@freshet/protocol'
import type { AskedOfDocument } from '../asked.ts'
import type { Preconditions } from '../preconditions.ts'
import type { Decision, StoredDocument } from '../store/contract.ts'
import { versionOf } from './documents.ts'
import { atPosition, placed, type OperationParts } from './parts.ts'

type Verdict<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'refused'; readonly refusal: ProblemError }

/**
 * Looks at the stored version and writes what `decide` says, as one. A `ProblemError` that `decide` throws is a
 * refusal: it is answered only when a majority has what it was decided on, and tells the position of that.
 */
export async function changed<T>(
  { store, source }: OperationParts,
  { collection, id }: AskedOfDocument,
  decide: (stored: StoredDocument | undefined) => Decision<T>,
): Promise<{ readonly value: T; readonly position: string }> {
  const { done, position } = await placed(source, id, () =>
    store.change<Verdict<T>>(collection.stored, idToBson(collection.idType, id), (stored) => {
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

/** @throws {ProblemError} precondition-failed, with the ETag of what is stored. */
export function expectPreconditions(preconditions: Preconditions, stored: StoredDocument | undefined): void {
  if (preconditions.none) return
  const etag = stored && versionOf(stored).etag
  if (preconditions.hold(etag)) return
  throw new ProblemError('precondition-failed', etag === undefined ? {} : { headers: { etag } })
}

/** @throws {ProblemError} not-plain-json, with the place. */
export function expectPlain(stored: StoredDocument): void {
  const pointer = firstNotPlain(stored)
  if (pointer === undefined) return
  throw new ProblemError('not-plain-json', {
    errors: [{ pointer, detail: 'is stored as a value that JSON cannot carry' }],
  })
}
