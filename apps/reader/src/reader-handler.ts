import {
  authorize,
  documentParameters,
  RouteTable,
  type Fail,
  type Handler,
  type Route,
  type RunningRequests,
  type Verifier,
} from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { documentUrlTest } from './document-url.ts'
import { readerRoutes, type ReaderRouteParts } from './routes.ts'
import { readMinFreshness } from './freshness.ts'

/** The parts of a reader; created by `readerApp` and `openReader`. */
export interface Reader extends ReaderRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'>
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

/**
 * A plain handler for `node:http`, Express and fastify; answers its own errors. Cache hits are answered synchronously;
 * everything else goes through the route table.
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
    parameters: documentParameters((name) => access.has(name)),
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

  const byCache = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const { method, url = '' } = request
    if (method !== 'GET' && method !== 'HEAD') return byTable(request, response)
    const slash = url.indexOf('/', length)
    if (slash < 0 || !url.startsWith(start)) return byTable(request, response)
    const who = access.get(url.slice(length, slash))
    if (who === undefined) return byTable(request, response)
    const proof = authorize(who, tokens, request)
    if (proof instanceof Promise)
      return proof.then(() => (serveCached(request, response, url) ? undefined : byTable(request, response)))
    if (!serveCached(request, response, url)) return byTable(request, response)
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
