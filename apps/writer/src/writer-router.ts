import { ProblemError, type ProblemCode } from '@freshet/protocol'
import {
  ClientGone,
  documentParameters,
  RouteTable,
  type Fail,
  type Route,
  type RunningRequests,
  type Verifier,
} from '@freshet/service'
import { Router, type ErrorRequestHandler } from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { documentPath } from './operations/documents.ts'
import { writerRoutes } from './routes.ts'
import type { WriterRouteParts } from './write-route.ts'

/** The dependencies of a writer's router; `openWriter` creates them. */
export interface Writer extends WriterRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'>
  /** Where documents are read, without a trailing slash. */
  readonly readerUrl: string | undefined
  readonly counts: WriteCounts
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
  const { collections, tokens, requests, readerUrl } = writer
  const table = new RouteTable({
    routes: [...writerRoutes(writer), ...routes],
    tokens,
    requests,
    parameters: documentParameters((name) => collections.has(name)),
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

/** Error middleware that answers with problems and counts them. Other errors are logged and answered with 500. */
export function answerProblems(writer: Pick<Writer, 'fail' | 'counts'>): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => answerProblem(writer, request, response, error)
}

/** The same, for errors outside of Express's middleware. */
export function answerProblem(
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
