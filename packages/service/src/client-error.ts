import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ProblemCode, RefusalOptions } from '@freshet/protocol'
import type { ShellProblem } from './contract.ts'
import { problemAnswer } from './send-problem.ts'

/**
 * The problem to answer when a connection sends something other than an acceptable request; `undefined`: the connection
 * is broken. Error codes: https://nodejs.org/api/http.html#event-clienterror
 */
export function clientProblem({ code }: NodeJS.ErrnoException): ShellProblem | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return code?.startsWith('HPE_') ? 'bad-request' : undefined
}

/** Details of a parse error, where Node.js reports any. */
export function clientDetail({ code }: NodeJS.ErrnoException): RefusalOptions {
  if (code !== 'HPE_INVALID_METHOD') return {}
  // `fetch` uppercases `get` and `put` but not `patch`: https://fetch.spec.whatwg.org/#concept-method-normalize
  return { detail: 'Expected an HTTP method in upper case: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.' }
}

/** Answers on the bare socket, for when there is no request object, then closes it. */
export function answerSocket(socket: Socket, code: ProblemCode, options: RefusalOptions): void {
  const { status, headers, body } = problemAnswer(code, options)
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body.toString()}`,
  )
  socket.destroySoon()
}
