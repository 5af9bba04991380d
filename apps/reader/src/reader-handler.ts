import { ProblemError, readIds, readQuery, readTarget } from '@freshet/protocol'
import type { CollectionTarget, DocumentTarget } from '@freshet/protocol'
import type { Replica } from '@freshet/replica'
import type { ByteLease } from '@freshet/kit'
import { sendProblem, type AnswerRoom } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DocumentAnswer } from './document-answer.ts'
import type { FactSheet } from './facts.ts'
import type { CachedDocument } from './cached-document.ts'
import { ItemsAnswer } from './items-answer.ts'
import type { PatientReads } from './patient-reads.ts'
import type { Readers } from './readers.ts'
import { readWanted, type Wanted } from './wanted.ts'

/** The most ids of one `?ids=`. */
const MAX_IDS = 200

/** An answer that grew while it waited for room waits again so often. */
const MAX_ATTEMPTS = 3

const PREFIX = '/v1/'
const ALLOWED = 'GET, HEAD, OPTIONS'

/** What the public port is made of. */
export interface ReaderHandlerParts {
  readonly replica: Pick<Replica<CachedDocument>, 'peek'>
  readonly readers: Readers
  readonly facts: FactSheet
  readonly reads: PatientReads<CachedDocument>
  readonly room: AnswerRoom
}

/**
 * Answers `/v1`. A document that is held is answered within the turn, without a promise; everything else takes the
 * longer way through one reading of the URL.
 */
export class ReaderHandler {
  readonly #parts: ReaderHandlerParts
  readonly #documents: DocumentAnswer
  readonly #items: ItemsAnswer
  #refusedMethods = 0

  constructor(parts: ReaderHandlerParts) {
    this.#parts = parts
    this.#documents = new DocumentAnswer(parts.room)
    this.#items = new ItemsAnswer(parts.room)
  }

  /** Requests with another method than a reading one, since the start. */
  get refusedMethods(): number {
    return this.#refusedMethods
  }

  /** A `Handler`; bound, because the HTTP shell calls it as a function. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const { method, url = '' } = request
    if (method !== 'GET' && method !== 'HEAD') return this.#answerMethod(method, response)
    // CachedDocument keys are made of decoded names without `%`, `?` or a second slash: a URL with one of them finds nothing.
    const slash = url.indexOf('/', PREFIX.length)
    if (slash < 0 || !url.startsWith(PREFIX)) return this.#answerTarget(request, response)
    const collection = url.slice(PREFIX.length, slash)
    const { readers } = this.#parts
    if (!readers.has(collection)) return this.#answerTarget(request, response)
    const proof = readers.admit(collection, request.headers.authorization)
    if (proof !== undefined) return proof.then(() => this.#answerAdmitted(request, response, url))
    return this.#answerAdmitted(request, response, url)
  }

  #answerAdmitted(request: IncomingMessage, response: ServerResponse, url: string): void | Promise<void> {
    const { replica, facts } = this.#parts
    if (facts.suffices(readWanted(request.headers))) {
      const value = replica.peek(url.slice(PREFIX.length))
      const { position } = facts
      if (value !== undefined && position !== undefined) {
        if (this.#documents.send(request, response, value, facts.ofHit(position)) === 0) return undefined
      }
    }
    return this.#answerTarget(request, response, true)
  }

  async #answerTarget(request: IncomingMessage, response: ServerResponse, admitted = false): Promise<void> {
    const target = readTarget(request.url ?? '')
    if (target.kind === 'none') throw new ProblemError(target.code, { detail: target.detail })
    if (target.kind === 'action' || (target.kind === 'collection' && target.action !== ''))
      throw new ProblemError('unknown-path')
    const { readers } = this.#parts
    if (!readers.has(target.collection)) throw new ProblemError('unknown-collection')
    if (!admitted) await readers.admit(target.collection, request.headers.authorization)
    const wanted = readWanted(request.headers)
    if (target.kind === 'document') await this.#answerDocument(request, response, target, wanted)
    else await this.#answerItems(request, response, target, wanted)
  }

  async #answerDocument(
    request: IncomingMessage,
    response: ServerResponse,
    { collection, id, query }: DocumentTarget,
    wanted: Wanted | undefined,
  ): Promise<void> {
    queryOf(query, [])
    await this.#whenRoom(response, async (lease) => {
      const { facts, reads } = this.#parts
      const { answer, provedAtArrival } = await reads.read(collection, [id], wanted, response)
      const [value] = answer.values
      if (value === undefined) throw new Error('the replica answered without a value')
      return this.#documents.send(request, response, value, facts.ofAnswer(answer, provedAtArrival), lease)
    })
  }

  async #answerItems(
    request: IncomingMessage,
    response: ServerResponse,
    { collection, query }: CollectionTarget,
    wanted: Wanted | undefined,
  ): Promise<void> {
    // An id that is asked for twice is answered once.
    const ids = [...new Set(readIds(queryOf(query, ['ids']).get('ids') ?? '', MAX_IDS))]
    await this.#whenRoom(response, async (lease) => {
      const { facts, reads } = this.#parts
      const { answer, provedAtArrival } = await reads.read(collection, ids, wanted, response)
      const told = facts.ofAnswer(answer, provedAtArrival)
      return this.#items.send(request, response, ids, answer.values, told, lease)
    })
  }

  /**
   * Reads and sends. Where there is no room for the answer it is let go, and read again when there is: those who wait for
   * room hold none. `send` gives the bytes that it lacks room for. @throws {ProblemError} overloaded
   */
  async #whenRoom(
    response: ServerResponse,
    send: (lease: ByteLease | undefined) => Promise<number>,
  ): Promise<void> {
    let missing = await send(undefined)
    for (let attempt = 1; missing > 0; attempt += 1) {
      if (attempt > MAX_ATTEMPTS)
        throw new ProblemError('overloaded', { detail: 'The answer grew while it waited for room.' })
      const lease = await this.#parts.reads.room(missing, response)
      missing = await send(lease)
      if (missing > 0) lease[Symbol.dispose]()
    }
  }

  /** Answers before a byte of a body is read: nothing that a client sends here is taken. */
  #answerMethod(method: string | undefined, response: ServerResponse): void {
    if (method === 'OPTIONS') {
      response.writeHead(204, { allow: ALLOWED })
      response.end()
      return
    }
    this.#refusedMethods++
    sendProblem(response, 'method-not-allowed', { headers: { allow: ALLOWED } })
  }
}

/** The parameters of a query that has no others than these. @throws {ProblemError} bad-url, bad-query */
function queryOf(query: string, allowed: readonly string[]): ReadonlyMap<string, string> {
  const parameters = readQuery(query)
  for (const name of parameters.keys()) {
    if (allowed.includes(name)) continue
    const wanted = allowed.length === 0 ? 'no parameters' : allowed.join(', ')
    throw new ProblemError('bad-query', {
      detail: `Expected ${wanted}; got ${JSON.stringify(name.slice(0, 80))}.`,
    })
  }
  return parameters
}
