import { idToBson } from '@freshet/documents-mongodb'
import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { AskedOfDocument } from '../asked.ts'
import { changed, expectPreconditions } from './read-modify-write.ts'
import { placed, refusedAt, type OperationParts } from './parts.ts'

/** `DELETE /v1/{collection}/{id}`: one delete, or with conditions a look and a delete as one. */
export async function remove(parts: OperationParts, asked: AskedOfDocument): Promise<Answer> {
  const position = await (asked.preconditions.none ? removeAny(parts, asked) : removeSeen(parts, asked))
  return { status: 204, position, version: undefined, location: undefined }
}

async function removeAny(parts: OperationParts, { collection, id }: AskedOfDocument): Promise<string> {
  const { done, position } = await placed(parts.source, id, () =>
    parts.store.remove(collection.stored, idToBson(collection.idType, id)),
  )
  if (done.outcome === 'absent') throw refusedAt(position, 'not-found')
  return position
}

async function removeSeen(parts: OperationParts, asked: AskedOfDocument): Promise<string> {
  const { position } = await changed(parts, asked, (stored) => {
    expectPreconditions(asked.preconditions, stored)
    if (!stored) throw new ProblemError('not-found')
    return { write: 'remove', value: undefined }
  })
  return position
}
