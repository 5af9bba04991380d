import {
  authorize,
  documentParameters,
  RouteTable,
  type Fail,
  type Handler,
  type Route,
  type Verifier,
} from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readerRoutes, type ReaderRouteParts } from './routes.ts'
import { readWanted } from './wanted.ts'

/** What a reader answers with; `readerApp` and `openReader` make one. */
export interface Reader extends ReaderRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  /** Counts the requests with a method that does not read. */
  readonly refused: { methods: number }
}

/** Where a reader is mounted, and what it answers beside documents. */
export interface ReaderHandlerOptions {
  /**
   * What `request.url` has before `/{collection}`: `/v1`. Default: nothing, as under `app.use('/data', …)` of Express, which
   * takes the path of the mount off the URL.
   */
  readonly prefix?: string
  /** Further routes. */
  readonly routes?: readonly Route[]
}

/**
 * Answers reads: a plain handler for `node:http`, Express and fastify, which answers its errors too. A cached document is
 * answered within the turn, without a promise; everything else goes by the table of routes.
 * @throws {TypeError} a collection has the name of a further route, or two routes answer the same.
 */
export function readerHandler(
  reader: Reader,
  { prefix = '', routes = [] }: ReaderHandlerOptions = {},
): Handler {
  const { replica, access, tokens, facts, documents, fail, refused } = reader
  const table = new RouteTable({
    routes: [...readerRoutes(reader), ...routes],
    tokens,
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

  /** Whether it was answered from memory. Cached keys hold no `%`, `?` or second slash: such a URL finds nothing. */
  const answeredAtOnce = (request: IncomingMessage, response: ServerResponse, url: string): boolean => {
    if (!facts.suffices(readWanted(request.headers))) return false
    const value = replica.peek(url.slice(length))
    const { position } = facts
    if (value === undefined || position === undefined) return false
    return documents.send(request, response, value, facts.ofHit(position)) === 0
  }

  const answer = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const { method, url = '' } = request
    if (method !== 'GET' && method !== 'HEAD') return byTable(request, response)
    const slash = url.indexOf('/', length)
    if (slash < 0 || !url.startsWith(start)) return byTable(request, response)
    const who = access.get(url.slice(length, slash))
    if (who === undefined) return byTable(request, response)
    const proof = authorize(who, tokens, request)
    if (proof instanceof Promise)
      return proof.then(() =>
        answeredAtOnce(request, response, url) ? undefined : byTable(request, response),
      )
    if (!answeredAtOnce(request, response, url)) return byTable(request, response)
  }

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
