import { idToBson, readBody } from '@freshet/collections'
import { ProblemError } from '@freshet/protocol'
import { receiveBody } from '@freshet/service'
import type { Answer } from '../answer.ts'
import type { AskedOfDocument } from '../asked.ts'
import { judged } from '../bodies.ts'
import { expectJson } from '../media-type.ts'
import type { Acknowledged } from '../store/contract.ts'
import { freshOf, idIn, type Fresh } from './documents.ts'
import { changed, expectPlain, expectPreconditions } from './looking.ts'
import { placed, refusedAt, type OperationParts } from './parts.ts'

type Outcome = 'created' | 'replaced'

/** `PUT /v1/{collection}/{id}`: makes the document, or replaces it whole. */
export async function put(parts: OperationParts, asked: AskedOfDocument): Promise<Answer> {
  const { maxBodyBytes, source } = parts
  const { request, collection, id, preconditions, preferences } = asked
  expectJson(request.headers['content-type'])
  const bytes = await receiveBody(request, maxBodyBytes)
  const body = judged(() => readBody(bytes))
  const given = body.json['id']
  if (given !== undefined && idIn(given, collection.idType) !== id)
    throw new ProblemError('id-mismatch', {
      errors: [{ pointer: '/id', detail: 'is not the id in the URL' }],
    })
  const fresh = freshOf(body, collection, id)
  const location = `/v1/${collection.name}/${id}`
  const answer = (outcome: Outcome, position: string): Answer => ({
    status: outcome === 'created' ? 201 : 200,
    position,
    version: fresh.version,
    location: outcome === 'created' ? location : undefined,
  })
  if (preconditions.createOnly) {
    const { done, position } = await placed(source, id, () =>
      parts.store.insert(collection.name, fresh.stored),
    )
    if (done.outcome === 'taken') throw refusedAt(position, 'precondition-failed')
    return answer('created', position)
  }
  const { done, position } = await (preconditions.none && preferences.lenient
    ? placed(source, id, () => overwrite(parts, asked, fresh))
    : replaceSeen(parts, asked, fresh))
  return answer(done.outcome, position)
}

/** Whatever is stored, plain or not: nobody needs to look at it. */
function overwrite(
  { store }: OperationParts,
  { collection, id }: AskedOfDocument,
  { stored }: Fresh,
): Promise<Acknowledged & { readonly outcome: Outcome }> {
  return store.replace(collection.name, idToBson(collection.idType, id), stored)
}

/** Only what may be replaced: a version that the conditions allow and that loses nothing but what JSON shows. */
async function replaceSeen(
  parts: OperationParts,
  asked: AskedOfDocument,
  { stored: next }: Fresh,
): Promise<{ readonly done: { readonly outcome: Outcome }; readonly position: string }> {
  const { value, position } = await changed<Outcome>(parts, asked, (stored) => {
    expectPreconditions(asked.preconditions, stored)
    if (stored && !asked.preferences.lenient) expectPlain(stored)
    return { write: next, value: stored ? 'replaced' : 'created' }
  })
  return { done: { outcome: value }, position }
}
