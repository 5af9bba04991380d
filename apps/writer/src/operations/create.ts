import type { Collection, DocumentCodec, JsonObject } from '@freshet/documents'
import { ProblemError, type Id } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { Asked } from '../asked.ts'
import { bodyOf, expectJson, judged } from '../bodies.ts'
import { costOf, documentPath, freshOf, idIn, keptBytes, type Fresh } from './documents.ts'
import { placed, refusedAt, type OperationParts } from './parts.ts'

/** `POST /v1/{collection}`: one insert. */
export async function create(parts: OperationParts, asked: Asked): Promise<Answer> {
  const { codec, store, maxBodyBytes } = parts
  const { request, collection } = asked
  expectJson(request.headers['content-type'])
  const { id, fresh } = readNew(codec, await bodyOf(asked, maxBodyBytes), collection)
  asked.share.made(costOf(fresh) + keptBytes(asked, fresh.version, maxBodyBytes))
  const { done, position } = await placed(parts, id, () => store.insert({ collection, id }, fresh.stored))
  if (done.outcome === 'taken') throw refusedAt(position, 'already-exists')
  return { status: 201, position, version: fresh.version, location: documentPath(collection.name, id) }
}

/**
 * What a body asks to be stored. Its parsed value, which may take twenty times the memory of the body, is gone when this
 * returns: an async function would keep it for as long as the database is waited for.
 */
function readNew(
  codec: DocumentCodec,
  bytes: Uint8Array,
  collection: Collection,
): { readonly id: Id; readonly fresh: Fresh } {
  const received = judged(() => codec.readDocument(bytes))
  const id = idOf(codec, received.json, collection)
  return { id, fresh: freshOf(codec, received, collection, id) }
}

/** The id that the client gives, or a new one. */
function idOf(codec: DocumentCodec, body: JsonObject, { idType }: Collection): Id {
  const given = body['id']
  if (given === undefined) {
    const id = codec.newId(idType)
    if (id !== undefined) return id
    throw badId('must be given: ids of this collection are integers')
  }
  const id = idIn(given, idType)
  if (id !== undefined) return id
  throw badId(`must be an id of the type ${idType}`)
}

function badId(detail: string): ProblemError {
  return new ProblemError('invalid-document', { errors: [{ pointer: '/id', detail }] })
}
