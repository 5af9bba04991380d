import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { DocumentRequest } from '../write-request.ts'
import { expectPreconditions, type OperationParts, placed, readModifyWrite, refusedAt } from './placed.ts'

/** `DELETE /v1/{collection}/{id}`: a single delete, or with preconditions a read-modify-write. */
export async function remove(parts: OperationParts, asked: DocumentRequest): Promise<Answer> {
  const position = await (asked.preconditions.none ? removeAny(parts, asked) : removeSeen(parts, asked))
  return { status: 204, position, version: undefined, location: undefined }
}

async function removeAny(parts: OperationParts, { collection, id }: DocumentRequest): Promise<string> {
  const { done, position } = await placed(parts, id, () => parts.store.remove({ collection, id }))
  if (done.outcome === 'absent') throw refusedAt(position, 'not-found')
  return position
}

async function removeSeen(parts: OperationParts, asked: DocumentRequest): Promise<string> {
  const { position } = await readModifyWrite(parts, asked, (stored) => {
    expectPreconditions(parts, asked, stored)
    if (!stored) throw new ProblemError('not-found')
    return { write: 'remove', value: undefined }
  })
  return position
}
