import type { Log } from '@freshet/kit'
import { ProblemError, problems } from '@freshet/protocol'
import type { Fail } from './contract.ts'
import { ClientGone } from './client-gone.ts'
import { sendProblem } from './send-problem.ts'

/**
 * Makes the answer to whatever a handler throws: a `ProblemError` as itself; a client that went away is not answered;
 * everything else is 500 with an `instance` under which the log has the error. Never throws.
 */
export function makeFail(log: Log, newId: () => string): Fail {
  return (request, response, error) => {
    if (error instanceof ClientGone) {
      response.destroy()
      return
    }
    if (error instanceof ProblemError && problems[error.code].status !== 500) {
      sendProblem(response, error.code, { ...error.options, headers: error.headers })
      return
    }
    const instance = `urn:uuid:${newId()}`
    log.error(
      { err: error, instance, method: request.method, url: request.url?.slice(0, 200) },
      'handler failed',
    )
    sendProblem(response, 'internal', { instance })
  }
}
