import { messagesOff } from '@freshet/messages'
import { isId } from '@freshet/protocol'
import type { Replica } from '@freshet/replica'
import {
  authorize,
  documentParameters,
  parameterOf,
  RouteTable,
  type Fail,
  type Handler,
  type RequestHead,
  type ResponseBudget,
  type Route,
  type RunningRequests,
  type Verifier,
} from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readMinFreshness, type Freshness } from './freshness.ts'
import { messageParameters, messageRoutes, onlyTheWriter, type MessageRouteParts } from './messages/routes.ts'
import { readItems } from './read-by-ids.ts'
import { documentRoute, readDocument, type CachedDocument, type DocumentAnswer } from './read-document.ts'
import type { WaitingReads } from './waiting-reads.ts'

/** Who may read a collection: everyone, or everyone with a valid token. */
export type ReadAccess = 'public' | 'authenticated'

export interface ReaderRouteParts {
  /** `undefined`: messages are off. */
  readonly messages: MessageRouteParts | undefined
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly freshness: Freshness
  readonly reads: WaitingReads<CachedDocument>
  readonly documents: DocumentAnswer
  readonly room: ResponseBudget
}

/** The parts of a reader; created by `readerApp` and `openReader`. */
export interface Reader extends ReaderRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'> | undefined
  /** Requests with a method that does not read. */
  readonly refused: { methods: number }
}

export interface ReaderHandlerOptions {
  /**
   * The part of `request.url` before `/{collection}`, such as `/v1`. Default: empty, as under `app.use('/data', …)` in
   * Express, which removes the mount path.
   */
  readonly prefix?: string
  /** Additional routes. */
  readonly routes?: readonly Route[]
}

/** The routes of a reader. A new route is one file and one row. */
function readerRoutes(parts: ReaderRouteParts): readonly Route[] {
  const who = (head: RequestHead): ReadAccess =>
    parts.access.get(parameterOf(head, 'collection')) ?? 'authenticated'
  return [
    { methods: ['GET'], path: '/{collection}/{id}', who, answer: documentRoute(parts) },
    { methods: ['GET'], path: '/{collection}', who, query: ['ids'], answer: readItems(parts) },
    ...(parts.messages ? messageRoutes(parts, parts.messages) : []),
  ]
}

/**
 * A plain handler for `node:http`, Express and fastify; answers its own errors. Plain URLs of documents are answered here:
 * cache hits synchronously, others after a read. Everything else goes through the route table.
 * @throws {TypeError} a collection has the name of a route, or two routes conflict.
 */
export function readerHandler(
  reader: Reader,
  { prefix = '', routes = [] }: ReaderHandlerOptions = {},
): Handler {
  const { replica, access, tokens, requests, freshness, documents, fail, refused } = reader
  const table = new RouteTable({
    routes: [...readerRoutes(reader), ...routes],
    tokens,
    requests,
    parameters: {
      ...documentParameters((name) => access.has(name), reader.messages ? onlyTheWriter : messagesOff),
      ...(reader.messages && messageParameters),
    },
    methodNotAllowedHeaders: () => {
      refused.methods += 1
      return {}
    },
  })
  table.rejectNameConflicts(access.keys())
  const byTable = table.handlerAt(prefix)
  const start = `${prefix}/`
  const { length } = start

  /** Answers from the cache if possible. Cached keys contain no `%`, `?` or second slash, so such URLs never match. */
  const serveCached = (request: IncomingMessage, response: ServerResponse, url: string): boolean => {
    if (!freshness.satisfies(readMinFreshness(request.headers))) return false
    const value = replica.peek(url.slice(length))
    const { position } = freshness
    if (value === undefined || position === undefined) return false
    return documents.send(request, response, value, freshness.forHit(position)) === 0
  }

  const read = readDocument(reader)

  /** Answers from the cache if possible, otherwise after a read. The request is authorized. */
  const answerDocument = (
    request: IncomingMessage,
    response: ServerResponse,
    url: string,
    slash: number,
  ): void | Promise<void> => {
    if (serveCached(request, response, url)) return
    const id = url.slice(slash + 1)
    // With an encoded character, a query or another slash. Or the id is invalid.
    if (!isId(id)) return byTable(request, response)
    const answer = (): Promise<void> => read(request, response, url.slice(length, slash), id)
    return requests ? requests.run(answer) : answer()
  }

  const byCache = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const { method, url = '' } = request
    if (method !== 'GET' && method !== 'HEAD') return byTable(request, response)
    const slash = url.indexOf('/', length)
    if (slash < 0 || !url.startsWith(start)) return byTable(request, response)
    const who = access.get(url.slice(length, slash))
    if (who === undefined) return byTable(request, response)
    const proof = authorize(who, tokens, request)
    if (proof instanceof Promise) return proof.then(() => answerDocument(request, response, url, slash))
    return answerDocument(request, response, url, slash)
  }

  // Without routes below a collection, a hit costs no more than the cache look-up.
  const isDocument = documentUrlTest(table)
  const answer: Handler = isDocument
    ? (request, response) =>
        (isDocument((request.url ?? '').slice(prefix.length)) ? byCache : byTable)(request, response)
    : byCache

  return (request, response) => {
    try {
      const answered = answer(request, response)
      if (answered instanceof Promise)
        return answered.catch((error: unknown) => fail(request, response, error))
    } catch (error) {
      fail(request, response, error)
    }
  }
}

/** `/{collection}/{id}` as cache keys are spelled: nothing encoded, and no query. */
const PLAIN = /^\/[^/?%#\\]+\/[^/?%#\\]+$/

/**
 * A test for URLs, passed without their prefix, that only the document route can answer, so that the cache may be asked
 * before the route table. `undefined`: no other route has a path below a collection, so no test is needed.
 */
function documentUrlTest({ paths }: RouteTable): ((url: string) => boolean) | undefined {
  const others = paths
    .map(({ pattern }) => pattern)
    .filter(({ shape }) => shape.startsWith('/{}/') && shape !== '/{}/{}')
  if (others.length === 0) return undefined
  return (url) => PLAIN.test(url) && !others.some((pattern) => pattern.covers(url))
}
