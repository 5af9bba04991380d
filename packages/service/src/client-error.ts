import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ProblemCode, RefusalOptions } from '@freshet/protocol'
import type { ShellProblem } from './contract.ts'
import { problemAnswer } from './send-problem.ts'

/**
 * What a connection is told whose bytes are no acceptable request; `undefined`: it is broken. The codes are those of
 * Node.js (https://nodejs.org/api/http.html#event-clienterror).
 */
export function clientProblem({ code }: NodeJS.ErrnoException): ShellProblem | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return code?.startsWith('HPE_') ? 'bad-request' : undefined
}

/** What is wrong with the bytes, where Node.js tells; without it the problem's own words must do. */
export function clientDetail({ code }: NodeJS.ErrnoException): RefusalOptions {
  if (code !== 'HPE_INVALID_METHOD') return {}
  // `fetch` writes `get` and `put` in capitals by itself, and `patch` not: https://fetch.spec.whatwg.org/#concept-method-normalize
  return { detail: 'Expected a method of HTTP, in capitals: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.' }
}

/** Answers where there is no request object: the answer is written to the socket, and is its last. */
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
