import type { Collection } from '@freshet/documents'
import { badIdDetail, isValidId, ProblemError, type Lineage } from '@freshet/protocol'
import { parameterOf } from '@freshet/service'
import type { BodyBudget, Call, Need, RequestHead, Route, Who } from '@freshet/service'
import { sendAnswer, type Answer, type AppliedPreferences } from './answer.ts'
import { expectMayClaim, expectNoLoop, hasCause, readCause } from './cause.ts'
import { create } from './operations/create.ts'
import { answeredOnce, changingOnce } from './operations/idempotency.ts'
import type { OperationParts } from './operations/placed.ts'
import { patch } from './operations/patch.ts'
import { put } from './operations/put.ts'
import { ReadModifyWriteStore, type Change } from './operations/read-modify-write-store.ts'
import { remove } from './operations/remove.ts'
import type { WriteStore } from './store/contract.ts'
import {
  idempotencyKeyOf,
  IdempotentRequest,
  toDocumentRequest,
  toWriteRequest,
  type DocumentRequest,
  type WriteRequest,
} from './write-request.ts'

/** Dependencies of the routes. */
export interface WriterRouteParts extends OperationParts {
  readonly store: WriteStore
  readonly collections: ReadonlyMap<string, Collection>
  readonly bodies: Pick<BodyBudget, 'lend'>
  /** Maximum number of handlers in the lineage of a write. */
  readonly maxHops: number
  /** Counts of completed writes and of replayed answers, since the start. */
  readonly counts: { done: number; replayed: number }
}

/** The writer's routes; a new route is one file and one row. */
export function writerRoutes(parts: WriterRouteParts): readonly Route[] {
  const who = (head: RequestHead): Who | Need => whoMayWrite(collectionOf(parts, head), head)
  const path = '/{collection}/{id}'
  return [
    { methods: ['POST'], path: '/{collection}', who, answer: writing(parts, () => create) },
    { methods: ['PUT'], path, who, answer: writing(parts, onDocument(put)) },
    { methods: ['PATCH'], path, who, answer: writing(parts, onDocument(patch)) },
    { methods: ['DELETE'], path, who, answer: writing(parts, onDocument(remove)) },
  ]
}

/**
 * Public writes still require a token if the request has a cause, which affects other services, or an idempotency key,
 * which belongs to its caller. @throws {ProblemError} bad-header
 */
function whoMayWrite({ access }: Collection, { request: { headers } }: RequestHead): Who | Need {
  const key = idempotencyKeyOf(headers)
  if (access.write !== 'public') return 'authenticated'
  if (key === undefined && !hasCause(headers)) return 'public'
  const why = 'Expected an Authorization header: an Idempotency-Key or a cause belongs to its caller.'
  return { who: 'authenticated', why }
}

type Operation = (parts: OperationParts, asked: WriteRequest) => Promise<Answer>
type OnDocument = (parts: OperationParts, asked: DocumentRequest) => Promise<Answer>

/** Executes a write and sends the answer. The head is checked before any byte of the body is read. */
function writing(parts: WriterRouteParts, operationFor: (call: Call) => Operation): Route['answer'] {
  return async (call) => {
    const { request, response, base } = call
    const collection = collectionOf(parts, call)
    const cause = causeOf(parts, collection, call)
    const once = onceOf(collection, call)
    const operation = operationFor(call)
    await parts.bodies.lend(response, async (share) => {
      const asked = toWriteRequest(request, collection, share, once)
      const work = operation(partsFor(parts, asked, cause), asked)
      const answer = await (once ? answeredOnce(once, work) : work)
      if (answer.replayed) parts.counts.replayed++
      else parts.counts.done++
      sendAnswer(response, answer, { followed: followed(request.method, asked), base, share })
    })
  }
}

/** An operation on the document that the path names. */
function onDocument(operation: OnDocument): (call: Call) => Operation {
  return (call) => (parts, asked) => operation(parts, toDocumentRequest(idIn(call, asked), asked))
}

/** The collection that a path names; there is one, or the route table had refused the request. */
function collectionOf({ collections }: WriterRouteParts, head: RequestHead): Collection {
  const collection = collections.get(parameterOf(head, 'collection'))
  if (collection === undefined) throw new ProblemError('unknown-collection')
  return collection
}

/** The cause of a write that descends from a change; `undefined`: of nobody's. @throws {ProblemError} */
export function causeOf(
  { maxHops }: Pick<WriterRouteParts, 'maxHops'>,
  { name }: Pick<Collection, 'name'>,
  { request, claims }: Call,
): Lineage | undefined {
  const cause = readCause(request.headers)
  if (cause.length > 0) expectNoLoop(cause, name, maxHops)
  expectMayClaim(cause, claims?.handlers ?? [])
  return cause.length === 0 ? undefined : cause
}

function onceOf({ name }: Collection, { request, claims, parameters }: Call): IdempotentRequest | undefined {
  const key = idempotencyKeyOf(request.headers)
  if (key === undefined || claims === undefined) return undefined
  return new IdempotentRequest(key, claims.sub, request, { collection: name, id: parameters['id'] })
}

/** Records the cause of a write, and makes a write with a key idempotent. */
function partsFor(parts: WriterRouteParts, asked: WriteRequest, cause: Lineage | undefined): OperationParts {
  const { codec, store } = parts
  const { collection, once, preferences } = asked
  if (once) {
    const write = { once, collection, minimal: preferences.minimal, cause }
    return { ...parts, store: new ReadModifyWriteStore(changingOnce(store, codec, write), codec) }
  }
  if (!cause) return parts
  const change: Change = (place, decide) => store.change(place, decide, cause)
  return { ...parts, store: new ReadModifyWriteStore(change, codec) }
}

/** @throws {ProblemError} bad-id: not a valid id in this collection. */
function idIn(call: Call, { collection: { idType } }: WriteRequest): string {
  const id = parameterOf(call, 'id')
  if (isValidId(idType, id)) return id
  throw new ProblemError('bad-id', { detail: badIdDetail(idType, id) })
}

/** The preferences that were applied: a POST never replaces a stored version, and a DELETE has no body to omit. */
function followed(method: string | undefined, { preferences }: WriteRequest): AppliedPreferences {
  const { minimal, lenient } = preferences
  return {
    minimal: minimal && method !== 'DELETE',
    lenient: lenient && (method === 'PUT' || method === 'PATCH'),
  }
}
