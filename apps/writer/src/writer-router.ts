import { ProblemError } from '@freshet/protocol'
import { ClientGone, type Route } from '@freshet/service'
import { Router, type ErrorRequestHandler } from 'express'
import { answerProblem } from './answer-problem.ts'
import { writerTable, type Writer } from './writer-table.ts'

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
  const router = Router({ caseSensitive: true, strict: true })
  router.use(writerTable(writer, routes).middleware())
  const answerGone: ErrorRequestHandler = (error: unknown, request, response, next) =>
    error instanceof ClientGone ? answerProblem(writer, request, response, error) : next(error)
  router.use(errors === 'answered' ? answerProblems(writer) : answerGone)
  return router
}

/** Error middleware that answers with problems and counts them. Other errors are logged and answered with 500. */
export function answerProblems(writer: Pick<Writer, 'fail' | 'counts'>): ErrorRequestHandler {
  return (error: unknown, request, response, _next) =>
    answerProblem(writer, request, response, asProblem(error))
}

/** Express decodes path segments, and refuses invalid UTF-8 with its own message. */
function asProblem(error: unknown): unknown {
  if (!(error instanceof URIError)) return error
  const detail = 'The path has a broken percent-encoding, or one that is not UTF-8.'
  return new ProblemError('bad-url', { detail, cause: error })
}
