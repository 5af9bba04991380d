import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'

/** One request to a service of Freshet. */
export interface DirectRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Ends it, at any time. */
  readonly signal?: AbortSignal | undefined
  /** The longest body that is taken of the answer. */
  readonly maxBytes: number
}

/** The whole answer. */
export interface DirectAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * Agents of our own ask no proxy. `fetch` and the global agents do, when a shell has `HTTP_PROXY` and
 * `NODE_USE_ENV_PROXY` (https://nodejs.org/api/http.html#built-in-proxy-support): a proxy knows nothing of this
 * machine's loopback, and its refusal would be taken for the service's.
 */
const agents = { plain: new PlainAgent({ keepAlive: true }), secure: new SecureAgent({ keepAlive: true }) }

/**
 * Asks a service of ours, at an http or https URL, and never through a proxy; redirects are not followed.
 * @throws what the system says (`ECONNREFUSED`, …), the signal's reason, or that the answer is too long
 */
export function askDirectly(url: string, asked: DirectRequest): Promise<DirectAnswer> {
  const { method = 'GET', headers = {}, body = '', signal, maxBytes } = asked
  const secure = new URL(url).protocol === 'https:'
  const send = secure ? secureRequest : plainRequest
  const agent = secure ? agents.secure : agents.plain
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(signal?.aborted ? signal.reason : error)
    const options = { method, headers, agent, ...(signal === undefined ? {} : { signal }) }
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > maxBytes) response.destroy(new Error(`expected at most ${maxBytes} bytes from ${url}`))
      })
      response.on('error', fail)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      )
    })
    request.on('error', fail)
    request.end(body)
  })
}
