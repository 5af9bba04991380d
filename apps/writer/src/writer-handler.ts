import type { Collection } from '@freshet/collections'
import { badIdDetail, isValidId, ProblemError, readQuery, readTarget } from '@freshet/protocol'
import type { CollectionTarget, DocumentTarget, Lineage, ProblemCode } from '@freshet/protocol'
import type { BodyBudget, Claims, Verifier } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendAnswer, type Answer, type Followed } from './answer.ts'
import { expectMayTell, expectNoLoop, readCause, tellsCause } from './cause.ts'
import { askedBy, askedOf, type Asked, type AskedOfDocument } from './asked.ts'
import { documentPath } from './operations/documents.ts'
import { create } from './operations/create.ts'
import type { OperationParts } from './operations/parts.ts'
import { patch } from './operations/patch.ts'
import { put } from './operations/put.ts'
import { remove } from './operations/remove.ts'
import { CausedStore } from './store/caused-store.ts'

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

  constructor(parts: WriterHandlerParts) {
    this.#parts = parts
  }

  /** Writes that were done, since the start. */
  get done(): number {
    return this.#done
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
    // A token that is remembered costs no turn of the loop.
    const admitted = this.#admit(collection, request)
    const claims = admitted instanceof Promise ? await admitted : admitted
    const parts = this.#partsFor(collection, readCause(request.headers), claims)
    await this.#parts.bodies.lend(response, async (share) => {
      const asked = askedBy(request, collection, share)
      const answer = await operation(parts, asked)
      this.#done++
      sendAnswer(response, answer, followed(request.method, asked))
    })
  }

  /** A write that descends from a change is judged, and tells the feed why it is. */
  #partsFor({ name }: Collection, cause: Lineage, claims: Claims | undefined): OperationParts {
    expectNoLoop(cause, name, this.#parts.maxHops)
    expectMayTell(cause, claims?.handlers ?? [])
    if (cause.length === 0) return this.#parts
    return { ...this.#parts, store: new CausedStore(this.#parts.store, cause) }
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

  /** Who may write without a name must still say who he is when he says why: a cause has effects on others. */
  #admit({ access }: Collection, { headers }: IncomingMessage): ReturnType<Verifier['verify']> | undefined {
    const anybody = access.write === 'public' && !tellsCause(headers)
    return anybody ? undefined : this.#parts.tokens.verify(headers.authorization)
  }
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
      detail: `Wanted no parameters; got ${JSON.stringify(name.slice(0, 80))}.`,
    })
}

function answerOptions(response: ServerResponse, allow: string): void {
  response.writeHead(204, { allow })
  response.end()
}
