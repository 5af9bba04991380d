import { problemBody, problems } from '@freshet/protocol'
import type { ProblemCode, ProblemKind, RefusalOptions } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'

/** The status, headers and body of a problem, for answers that are not written by a `ServerResponse`. */
export function problemAnswer(
  code: ProblemCode,
  options: RefusalOptions = {},
): { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer } {
  const kind: ProblemKind = problems[code]
  const body = Buffer.from(JSON.stringify(problemBody(code, options)))
  const all: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  }
  if (kind.retryAfterS !== undefined) all['retry-after'] = String(kind.retryAfterS)
  return {
    status: kind.status,
    headers: { ...all, ...options.headers, 'content-length': String(body.length) },
    body,
  }
}

/**
 * Answers with `application/problem+json`. Headers set earlier are kept unless the problem sets them; HEAD gets no
 * body. If a response has already begun, closes the connection.
 */
export function sendProblem(response: ServerResponse, code: ProblemCode, options?: RefusalOptions): void {
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy()
    return
  }
  const { status, headers, body } = problemAnswer(code, options)
  // These described the intended response, not this one.
  for (const name of ['etag', 'last-modified', 'content-encoding', 'transfer-encoding', 'age'])
    response.removeHeader(name)
  response.writeHead(status, headers)
  response.end(body)
}
