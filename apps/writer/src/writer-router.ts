import { messagesOff } from '@freshet/messages'
import { ProblemError, type ProblemCode } from '@freshet/protocol'
import {
  ClientGone,
  documentParameters,
  normalizeUrl,
  RouteTable,
  type Fail,
  type Handler,
  type Route,
  type RunningRequests,
  type Verifier,
} from '@freshet/service'
import express, { Router, type ErrorRequestHandler } from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { documentPath } from './operations/documents.ts'
import { messageParameters, messageRoutes, onlyReaders } from './messages/routes.ts'
import type { MessageParts } from './messages/parts.ts'
import { type WriterRouteParts, writerRoutes } from './routes.ts'

/** The dependencies of a writer's router; `openWriter` creates them. */
export interface Writer extends WriterRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'> | undefined
  /** Where documents are read, without a trailing slash. */
  readonly readerUrl: string | undefined
  readonly counts: WriteCounts
  /** `undefined`: messages are off. */
  readonly messages: MessageParts | undefined
}

/** Number of answers since the start. */
export interface WriteCounts {
  done: number
  replayed: number
  readonly problems: Map<ProblemCode, number>
}

/** Options of a writer's router: additional routes, and how errors are answered. */
export interface WriterRouterOptions {
  /** Additional routes. */
  readonly routes?: readonly Route[]
  /**
   * `answered`, the default: as `application/problem+json`. `passed`: errors go to the app's error middleware. A
   * `ProblemError` has `status` and `headers`, and {@link answerProblems} answers whatever the app does not.
   */
  readonly errors?: 'answered' | 'passed'
}

/**
 * The writer as an Express router: `app.use('/data', writerRouter(writer))`. Unknown paths are left to the app. Mount
 * it before anything that reads bodies, such as `express.json()`.
 * @throws {TypeError} a collection has the same name as an additional route, or two routes match the same path.
 */
export function writerRouter(
  writer: Writer,
  { routes = [], errors = 'answered' }: WriterRouterOptions = {},
): Router {
  const { collections, tokens, requests, readerUrl, messages } = writer
  const table = new RouteTable({
    routes: [...writerRoutes(writer), ...(messages ? messageRoutes(writer, messages) : []), ...routes],
    tokens,
    requests,
    parameters: {
      ...documentParameters((name) => collections.has(name), messages ? onlyReaders : messagesOff),
      ...(messages && messageParameters),
    },
    methodNotAllowedHeaders: ({ request: { method }, parameters: { collection, id } }) => {
      if (readerUrl === undefined || collection === undefined || (method !== 'GET' && method !== 'HEAD'))
        return {}
      const path = id === undefined ? `/v1/${collection}` : documentPath(collection, id)
      return { link: `<${readerUrl}${path}>; rel="alternate"` }
    },
  })
  table.rejectNameConflicts(collections.keys())
  const router = Router({ caseSensitive: true, strict: true })
  router.use(table.middleware())
  const answerGone: ErrorRequestHandler = (error: unknown, request, response, next) =>
    error instanceof ClientGone ? answerProblem(writer, request, response, error) : next(error)
  router.use(errors === 'answered' ? answerProblems(writer) : answerGone)
  return router
}

/** An Express app, as its router calls it: the published types require a request that Express has already extended. */
interface InExpress {
  take(request: IncomingMessage, response: ServerResponse, done: (error: unknown) => void): void
}

/** The writer's Express application: its router below `/v1`, and a problem for everything else. */
export function writerHandler(writer: Writer, routes: readonly Route[]): Handler {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use('/v1', writerRouter(writer, { routes, errors: 'passed' }))
  app.use(() => {
    throw new ProblemError('unknown-path', { detail: 'Expected /v1/{collection}/{id} or /v1/{collection}.' })
  })
  app.use(answerProblems(writer))
  const inExpress: InExpress = { take: app }
  // Express runs no middleware for a URL that it cannot parse, and would answer with its own page.
  const answer = (request: IncomingMessage, response: ServerResponse, error: unknown): void =>
    answerProblem(writer, request, response, error ?? new ProblemError('unknown-path'))
  return (request, response) => {
    try {
      request.url = normalizeUrl(request.url ?? '')
      inExpress.take(request, response, (error) => answer(request, response, error))
    } catch (error) {
      answer(request, response, error)
    }
  }
}

/** Error middleware that answers with problems and counts them. Other errors are logged and answered with 500. */
export function answerProblems(writer: Pick<Writer, 'fail' | 'counts'>): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => answerProblem(writer, request, response, error)
}

/** The same, for errors outside of Express's middleware. */
function answerProblem(
  { fail, counts: { problems } }: Pick<Writer, 'fail' | 'counts'>,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const told = asProblem(error)
  // No answer is sent, so no problem is counted.
  if (!(told instanceof ClientGone)) {
    const code = told instanceof ProblemError ? told.code : 'internal'
    problems.set(code, (problems.get(code) ?? 0) + 1)
  }
  fail(request, response, told)
}

/** Express decodes path segments, and refuses invalid UTF-8 with its own message. */
function asProblem(error: unknown): unknown {
  if (!(error instanceof URIError)) return error
  const detail = 'The path has a broken percent-encoding, or one that is not UTF-8.'
  return new ProblemError('bad-url', { detail, cause: error })
}
