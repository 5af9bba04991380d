import { isValidId, newId, type Collection, type JsonObject } from '@freshet/collections'
import { ProblemError, type Id } from '@freshet/protocol'
import { receiveBody } from '@freshet/service'
import type { Answer } from '../answer.ts'
import type { Asked } from '../asked.ts'
import { expectJson } from '../media-type.ts'
import { asObject, freshOf } from './documents.ts'
import { placed, refusedAt, type OperationParts } from './parts.ts'

/** `POST /v1/{collection}`: one insert. */
export async function create(
  { store, source, encoding, maxBodyBytes }: OperationParts,
  { request, collection }: Asked,
): Promise<Answer> {
  expectJson(request.headers['content-type'])
  const body = asObject(encoding.read(await receiveBody(request, maxBodyBytes)))
  const id = idOf(body, collection)
  const fresh = freshOf(encoding, collection, { ...body, id }, id)
  const { done, position } = await placed(source, id, () => store.insert(collection.name, fresh.stored))
  if (done.outcome === 'taken') throw refusedAt(position, 'already-exists')
  return { status: 201, position, version: fresh.version, location: `/v1/${collection.name}/${id}` }
}

/** The id that the client gives, or a new one. */
function idOf(body: JsonObject, { idType }: Collection): Id {
  const given = body['id']
  if (given === undefined) {
    const id = newId(idType)
    if (id !== undefined) return id
    throw badId('must be given: ids of this collection are integers')
  }
  if (typeof given === 'string' && isValidId(idType, given)) return given
  throw badId(`must be a text that is an id of the type ${idType}`)
}

function badId(detail: string): ProblemError {
  return new ProblemError('invalid-document', { errors: [{ pointer: '/id', detail }] })
}
