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

/** What a writer answers with; `openWriter` makes one. */
export interface Writer extends WriterRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'>
  /** Where documents are read, without a final slash. */
  readonly readerUrl: string | undefined
  readonly counts: WriteCounts
}

/** What was answered, since the start. */
export interface WriteCounts {
  done: number
  replayed: number
  readonly problems: Map<ProblemCode, number>
}

/** What a writer's router answers beside documents, and what becomes of its errors. */
export interface WriterRouterOptions {
  /** Further routes. */
  readonly routes?: readonly Route[]
  /**
   * `answered`, the default: as `application/problem+json`. `passed`: the error middleware of the app gets them; a
   * `ProblemError` has `status` and `headers`, and {@link answerProblems} answers what the app does not.
   */
  readonly errors?: 'answered' | 'passed'
}

/**
 * The writer as a router of Express: `app.use('/data', writerRouter(writer))`. Paths that it does not know are left to the
 * app. Mount it before anything that reads bodies, as `express.json()` does.
 * @throws {TypeError} a collection has the name of a further route, or two routes answer the same.
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

/** Error middleware that answers with problems, and counts them. Errors of others are 500, and logged. */
export function answerProblems(writer: Pick<Writer, 'fail' | 'counts'>): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => answerProblem(writer, request, response, error)
}

/** The same, where Express asks no middleware. */
export function answerProblem(
  { fail, counts: { problems } }: Pick<Writer, 'fail' | 'counts'>,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const told = asProblem(error)
  // Nobody is answered, so no problem is.
  if (!(told instanceof ClientGone)) {
    const code = told instanceof ProblemError ? told.code : 'internal'
    problems.set(code, (problems.get(code) ?? 0) + 1)
  }
  fail(request, response, told)
}

/** Express decodes the parts of a path, and refuses those that are no UTF-8 in words of its own. */
function asProblem(error: unknown): unknown {
  if (!(error instanceof URIError)) return error
  const detail = 'The path has a broken percent-encoding, or one that is not UTF-8.'
  return new ProblemError('bad-url', { detail, cause: error })
}
