import { ProblemError } from '@freshet/protocol'
import type { Handler, Route } from '@freshet/service'
import { answerProblem } from './answer-problem.ts'
import { writerTable, type Writer } from './writer-table.ts'

/**
 * What a writer answers on its own port: its routes below `/v1`, and a problem for everything else. Without Express,
 * through which a POST takes nearly twice the CPU time: `docs/decisions/0018-one-table-two-routers.md`.
 * @throws {TypeError} a collection has the same name as an additional route, or two routes match the same path.
 */
export function writerHandler(writer: Writer, routes: readonly Route[]): Handler {
  const take = writerTable(writer, routes).middleware('/v1')
  return (request, response) => {
    const fail = (error: unknown): void => answerProblem(writer, request, response, error)
    try {
      const taken = take(request, response, refuse)
      if (taken instanceof Promise) return taken.catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}

function refuse(): never {
  throw new ProblemError('unknown-path', { detail: 'Expected /v1/{collection}/{id} or /v1/{collection}.' })
}
