import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'

/** A request to a Freshet service. */
export interface DirectRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Cancels the request. */
  readonly signal?: AbortSignal | undefined
  /** Longest response body that is accepted. */
  readonly maxBytes: number
}

/** A complete response. */
export interface DirectAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * Our own agents bypass proxies. `fetch` and the global agents use `HTTP_PROXY` if `NODE_USE_ENV_PROXY` is set
 * (https://nodejs.org/api/http.html#built-in-proxy-support). A proxy cannot reach this machine's loopback interface, and its
 * error would look like the service's.
 */
const agents = { plain: new PlainAgent({ keepAlive: true }), secure: new SecureAgent({ keepAlive: true }) }

/**
 * Sends a request to a Freshet service, never through a proxy, and does not follow redirects.
 * @throws system errors (`ECONNREFUSED`, …), the signal's reason, or an error if the response is too long
 */
export function requestDirectly(url: string, input: DirectRequest): Promise<DirectAnswer> {
  const { method = 'GET', headers = {}, body = '', signal, maxBytes } = input
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
