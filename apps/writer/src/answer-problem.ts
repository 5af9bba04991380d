import { ProblemError } from '@freshet/protocol'
import { ClientGone } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writer } from './writer-table.ts'

/** Answers an error with a problem, and counts it. Other errors are logged and answered with 500. */
export function answerProblem(
  { fail, counts: { problems } }: Pick<Writer, 'fail' | 'counts'>,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  // No answer is sent, so no problem is counted.
  if (!(error instanceof ClientGone)) {
    const code = error instanceof ProblemError ? error.code : 'internal'
    problems.set(code, (problems.get(code) ?? 0) + 1)
  }
  fail(request, response, error)
}
