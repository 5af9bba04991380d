import type { Collection, DocumentCodec } from '@freshet/documents'
import { ProblemError, type Id } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import { type DocumentRequest, expectJson, readBody, withBodyProblems } from '../write-request.ts'
import {
  costOf,
  documentPath,
  expectPlainJson,
  newVersionOf,
  idIn,
  storedAnswerBytes,
  type NewVersion,
} from './documents.ts'
import {
  expectPreconditions,
  type OperationParts,
  placed,
  type Placed,
  readModifyWrite,
  refusedAt,
} from './placed.ts'
import type { Outcome } from '../store/contract.ts'

/** The outcome and its position. */
interface Done {
  readonly outcome: 'created' | 'replaced'
  readonly position: string
}

/** `PUT /v1/{collection}/{id}`: creates or replaces a document. */
export async function put(parts: OperationParts, asked: DocumentRequest): Promise<Answer> {
  const { request, collection, id } = asked
  expectJson(request.headers['content-type'])
  // RFC 9110, 14.5: treated as complete, a part would replace everything else.
  if (request.headers['content-range'] !== undefined)
    throw new ProblemError('bad-header', { detail: 'Expected a complete document without Content-Range.' })
  const fresh = readReplacement(parts.codec, await readBody(asked, parts.maxBodyBytes), collection, id)
  asked.share.made(costOf(fresh) + storedAnswerBytes(asked, fresh.version, parts.maxBodyBytes))
  const { outcome, position } = await wayOf(asked)(parts, asked, fresh)
  const created = outcome === 'created'
  return {
    status: created ? 201 : 200,
    position,
    version: fresh.version,
    location: created ? documentPath(collection.name, id) : undefined,
  }
}

/** Not inlined for the same reason as in POST: releases the parsed value before the wait. */
function readReplacement(
  codec: DocumentCodec,
  bytes: Uint8Array,
  collection: Collection,
  id: Id,
): NewVersion {
  const received = withBodyProblems(() => codec.readDocument(bytes))
  const given = received.json['id']
  if (given !== undefined && idIn(given, collection.idType) !== id)
    throw new ProblemError('id-mismatch', {
      errors: [{ pointer: '/id', detail: 'differs from the id in the URL' }],
    })
  return newVersionOf(codec, received, collection, id)
}

type Way = (parts: OperationParts, asked: DocumentRequest, fresh: NewVersion) => Promise<Done>

/** The cheapest way that respects preconditions and preferences. */
function wayOf({ preconditions, preferences }: DocumentRequest): Way {
  if (preconditions.createOnly) return createOnly
  if (!preconditions.none) return replaceSeen
  return preferences.lenient ? overwrite : replacePlain
}

async function createOnly(parts: OperationParts, asked: DocumentRequest, fresh: NewVersion): Promise<Done> {
  const { done, position } = await insert(parts, asked, fresh)
  if (done.outcome === 'taken') throw refusedAt(position, 'precondition-failed')
  return { outcome: 'created', position }
}

/** Overwrites whatever is stored, without reading it. */
async function overwrite(
  parts: OperationParts,
  { collection, id }: DocumentRequest,
  { stored }: NewVersion,
): Promise<Done> {
  const { done, position } = await placed(parts, id, () => parts.store.replace({ collection, id }, stored))
  return { outcome: done.outcome, position }
}

/** One command if the stored version is plain, two if there is none. Only otherwise must it be read. */
async function replacePlain(parts: OperationParts, asked: DocumentRequest, fresh: NewVersion): Promise<Done> {
  const { collection, id } = asked
  const replaced = await placed(parts, id, () => parts.store.replacePlain({ collection, id }, fresh.stored))
  const { outcome } = replaced.done
  if (outcome !== 'unsure') return { outcome, position: replaced.position }
  const inserted = await insert(parts, asked, fresh)
  if (inserted.done.outcome === 'created') return { outcome: 'created', position: inserted.position }
  return await replaceSeen(parts, asked, fresh)
}

/** Reads first, to check preconditions and that nothing is lost that JSON cannot represent. */
async function replaceSeen(parts: OperationParts, asked: DocumentRequest, fresh: NewVersion): Promise<Done> {
  const { value, position } = await readModifyWrite<Done['outcome']>(parts, asked, (stored) => {
    expectPreconditions(parts, asked, stored)
    if (stored && !asked.preferences.lenient) expectPlainJson(parts.codec.firstNotPlain(stored))
    return { write: fresh.stored, value: stored ? 'replaced' : 'created' }
  })
  return { outcome: value, position }
}

function insert(
  parts: OperationParts,
  { collection, id }: DocumentRequest,
  { stored }: NewVersion,
): Promise<Placed<Outcome<'created' | 'taken'>>> {
  return placed(parts, id, () => parts.store.insert({ collection, id }, stored))
}
