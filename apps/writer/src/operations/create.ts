import type { Collection, DocumentCodec, JsonObject } from '@freshet/documents'
import { ProblemError, type Id } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import { expectJson, readBody, withBodyProblems, type WriteRequest } from '../write-request.ts'
import { costOf, documentPath, newVersionOf, idIn, storedAnswerBytes, type NewVersion } from './documents.ts'
import { placed, refusedAt, type OperationParts } from './placed.ts'

/** `POST /v1/{collection}`: a single insert. */
export async function create(parts: OperationParts, asked: WriteRequest): Promise<Answer> {
  const { codec, store, maxBodyBytes } = parts
  const { request, collection } = asked
  expectJson(request.headers['content-type'])
  const { id, fresh } = readNew(codec, await readBody(asked, maxBodyBytes), collection)
  asked.share.made(costOf(fresh) + storedAnswerBytes(asked, fresh.version, maxBodyBytes))
  const { done, position } = await placed(parts, id, () => store.insert({ collection, id }, fresh.stored))
  if (done.outcome === 'taken') throw refusedAt(position, 'already-exists')
  return { status: 201, position, version: fresh.version, location: documentPath(collection.name, id) }
}

/**
 * Parses the body into what is stored. Not inlined: an async function would keep the parsed value, up to twenty times
 * the size of the body, while it waits for the database.
 */
function readNew(
  codec: DocumentCodec,
  bytes: Uint8Array,
  collection: Collection,
): { readonly id: Id; readonly fresh: NewVersion } {
  const received = withBodyProblems(() => codec.readDocument(bytes))
  const id = idOf(codec, received.json, collection)
  return { id, fresh: newVersionOf(codec, received, collection, id) }
}

/** The id in the body, or a new one. */
function idOf(codec: DocumentCodec, body: JsonObject, { idType }: Collection): Id {
  const given = body['id']
  if (given === undefined) {
    const id = codec.newId(idType)
    if (id !== undefined) return id
    throw badId('is required: ids of this collection are integers')
  }
  const id = idIn(given, idType)
  if (id !== undefined) return id
  throw badId(`must be an id of type ${idType}`)
}

function badId(detail: string): ProblemError {
  return new ProblemError('invalid-document', { errors: [{ pointer: '/id', detail }] })
}
