import type { Log } from '@freshet/kit'
import { ProblemError, problems } from '@freshet/protocol'
import type { Fail } from './contract.ts'
import { ClientGone } from './client-gone.ts'
import { sendProblem } from './send-problem.ts'

/**
 * Creates the function that answers failures. A `ProblemError` is sent as that problem; a disconnected client gets
 * nothing; any other error is logged and answered 500, with the log id as `instance`. Never throws.
 */
export function createFail(log: Log, newId: () => string): Fail {
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
