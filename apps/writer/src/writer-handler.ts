import type { Collection } from '@freshet/documents'
import { badIdDetail, isValidId, ProblemError, readQuery, readTarget } from '@freshet/protocol'
import type { CollectionTarget, DocumentTarget, Lineage, ProblemCode } from '@freshet/protocol'
import { ClientGone, type BodyBudget, type Claims, type Verifier } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendAnswer, type Answer, type Followed } from './answer.ts'
import { expectMayTell, expectNoLoop, readCause, tellsCause } from './cause.ts'
import { askedBy, askedOf, type Asked, type AskedOfDocument } from './asked.ts'
import { keyIn, OnceRequest } from './once.ts'
import { answeredOnce, changingOnce } from './operations/idempotency.ts'
import { documentPath } from './operations/documents.ts'
import { create } from './operations/create.ts'
import type { OperationParts } from './operations/parts.ts'
import { patch } from './operations/patch.ts'
import { put } from './operations/put.ts'
import { remove } from './operations/remove.ts'
import type { WriteStore } from './store/contract.ts'
import { ReadModifyWriteStore, type Change } from './operations/read-modify-write-store.ts'

type Operation = (parts: OperationParts, asked: Asked) => Promise<Answer>
type OnDocument = (parts: OperationParts, asked: AskedOfDocument) => Promise<Answer>

const onDocument: ReadonlyMap<string, OnDocument> = new Map([
  ['PUT', put],
  ['PATCH', patch],
  ['DELETE', remove],
])

const allowed = { document: 'PUT, PATCH, DELETE, OPTIONS', collection: 'POST, OPTIONS' } as const

/** What the public port is made of. */
export interface WriterHandlerParts extends OperationParts {
  readonly store: WriteStore
  readonly collections: ReadonlyMap<string, Collection>
  readonly tokens: Verifier
  readonly bodies: Pick<BodyBudget, 'lend'>
  /** Where documents are read, without a final slash. */
  readonly readerUrl: string | undefined
  /** Handlers of changes between a write and one that is nobody's. */
  readonly maxHops: number
}

/** Answers `/v1`. Everything that the head of a request tells is looked at before a byte of its body is read. */
export class WriterHandler {
  readonly #parts: WriterHandlerParts
  readonly #refusals = new Map<ProblemCode, number>()
  #done = 0
  #replayed = 0

  constructor(parts: WriterHandlerParts) {
    this.#parts = parts
  }

  /** Writes that were done, since the start. */
  get done(): number {
    return this.#done
  }

  /** Requests that were answered by what was kept under their key, since the start. */
  get replayed(): number {
    return this.#replayed
  }

  /** How often each problem was answered, since the start. */
  get refusals(): ReadonlyMap<ProblemCode, number> {
    return this.#refusals
  }

  /** A `Handler`; bound, because Express calls it as a function. */
  readonly handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await this.#answer(request, response)
    } catch (error) {
      // Nobody is answered, so no problem is.
      if (error instanceof ClientGone) throw error
      const code = error instanceof ProblemError ? error.code : 'internal'
      this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
      throw error
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = readTarget(request.url ?? '')
    if (target.kind === 'none') throw new ProblemError(target.code, { detail: target.detail })
    if (target.kind === 'action' || (target.kind === 'collection' && target.action !== ''))
      throw new ProblemError('unknown-path')
    const collection = this.#parts.collections.get(target.collection)
    if (!collection) throw new ProblemError('unknown-collection')
    if (request.method === 'OPTIONS') return answerOptions(response, allowed[target.kind])
    const operation = this.#operationOf(request, target)
    if (target.query !== '') expectNoParameters(target.query)
    const key = keyIn(request.headers)
    // A token that is remembered costs no turn of the loop.
    const proof = this.#admit(collection, request, key)
    const caller = proof instanceof Promise ? await proof : proof
    const cause = this.#judged(collection, readCause(request.headers), caller)
    const once =
      key === undefined || caller === undefined
        ? undefined
        : new OnceRequest(key, caller.sub, request, { collection: collection.name, id: idOf(target) })
    await this.#parts.bodies.lend(response, async (share) => {
      const asked = askedBy(request, collection, share, once)
      const work = operation(this.#partsFor(asked, cause), asked)
      const answer = await (once ? answeredOnce(once, work) : work)
      if (answer.replayed) this.#replayed++
      else this.#done++
      sendAnswer(response, answer, followed(request.method, asked), share)
    })
  }

  /** The cause of a write that descends from a change; `undefined`: of nobody's. @throws {ProblemError} */
  #judged({ name }: Collection, cause: Lineage, caller: Claims | undefined): Lineage | undefined {
    expectNoLoop(cause, name, this.#parts.maxHops)
    expectMayTell(cause, caller?.handlers ?? [])
    return cause.length === 0 ? undefined : cause
  }

  /** A write that descends from a change tells the feed why it is; one that has a key is done once. */
  #partsFor({ collection, once, preferences }: Asked, cause: Lineage | undefined): OperationParts {
    const { codec, store } = this.#parts
    if (once) {
      const write = { once, collection, minimal: preferences.minimal, cause }
      return { ...this.#parts, store: new ReadModifyWriteStore(changingOnce(store, codec, write), codec) }
    }
    if (!cause) return this.#parts
    const change: Change = (place, decide) => store.change(place, decide, cause)
    return { ...this.#parts, store: new ReadModifyWriteStore(change, codec) }
  }

  #operationOf(request: IncomingMessage, target: DocumentTarget | CollectionTarget): Operation {
    const { method = '' } = request
    if (target.kind === 'collection') {
      if (method === 'POST') return create
    } else {
      const operation = onDocument.get(method)
      if (operation) return (parts, asked) => operation(parts, askedOf(idIn(target, asked), asked))
    }
    throw this.#notAllowed(method, target)
  }

  #notAllowed(method: string, target: DocumentTarget | CollectionTarget): ProblemError {
    const { readerUrl } = this.#parts
    const path =
      target.kind === 'document' ? documentPath(target.collection, target.id) : `/v1/${target.collection}`
    const alternate = readerUrl !== undefined && (method === 'GET' || method === 'HEAD')
    return new ProblemError('method-not-allowed', {
      headers: {
        allow: allowed[target.kind],
        ...(alternate && { link: `<${readerUrl}${path}>; rel="alternate"` }),
      },
    })
  }

  /**
   * Who asks, where it matters. Who may write without a name must still say who he is when he says why, since a cause has
   * effects on others, and when he has a key, since it belongs to its caller.
   */
  #admit(
    { access }: Collection,
    { headers }: IncomingMessage,
    key: string | undefined,
  ): ReturnType<Verifier['verify']> | undefined {
    const isPublic = access.write === 'public'
    if (isPublic && key === undefined && !tellsCause(headers)) return undefined
    try {
      return this.#parts.tokens.verify(headers.authorization)
    } catch (error) {
      if (!isPublic || headers.authorization !== undefined || !(error instanceof ProblemError)) throw error
      const { code, headers: challenge } = error
      const detail =
        'Expected an Authorization header: an Idempotency-Key, or a cause, belongs to its caller.'
      throw new ProblemError(code, { detail, headers: challenge, cause: error })
    }
  }
}

function idOf(target: DocumentTarget | CollectionTarget): string | undefined {
  return target.kind === 'document' ? target.id : undefined
}

/** @throws {ProblemError} bad-id: no document of this collection can have it. */
function idIn({ id }: DocumentTarget, { collection: { idType } }: Asked): string {
  if (isValidId(idType, id)) return id
  throw new ProblemError('bad-id', { detail: badIdDetail(idType, id) })
}

/** A POST meets no stored version, and a DELETE has no body to leave out. */
function followed(method: string | undefined, { preferences }: Asked): Followed {
  const { minimal, lenient } = preferences
  return {
    minimal: minimal && method !== 'DELETE',
    lenient: lenient && (method === 'PUT' || method === 'PATCH'),
  }
}

function expectNoParameters(query: string): void {
  for (const name of readQuery(query).keys())
    throw new ProblemError('bad-query', {
      detail: `Expected no parameters; got ${JSON.stringify(name.slice(0, 80))}.`,
    })
}

function answerOptions(response: ServerResponse, allow: string): void {
  response.writeHead(204, { allow })
  response.end()
}
