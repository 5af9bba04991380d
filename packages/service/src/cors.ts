import type { Handler } from './contract.ts'

/** Response headers that cross-origin pages may read, in addition to the safelisted ones. */
const EXPOSED = [
  'age',
  'allow',
  'cache-status',
  'etag',
  'freshet-position',
  'idempotency-replayed',
  'link',
  'location',
  'preference-applied',
  'retry-after',
].join(', ')

/**
 * Adds CORS for these origins (`*`: all), see https://fetch.spec.whatwg.org/#http-cors-protocol. Tokens travel in a
 * header, never in cookies, so credentials are not allowed. Without origins, returns the handler unchanged.
 */
export function withCors(handle: Handler, origins: readonly string[]): Handler {
  if (origins.length === 0) return handle
  const allowed = new Set(origins)
  return (request, response) => {
    const { origin } = request.headers
    response.setHeader('vary', 'Origin')
    if (origin === undefined || !(allowed.has('*') || allowed.has(origin))) return handle(request, response)
    response.setHeader('access-control-allow-origin', origin)
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      response.setHeader('access-control-expose-headers', EXPOSED)
      return handle(request, response)
    }
    // The preflight allows all methods; the request itself gets the 405. Pages may send any header (`traceparent`,
    // `sentry-trace`, …): no header grants rights that a non-browser client would not have.
    const requested = request.headers['access-control-request-headers']
    response.writeHead(204, {
      vary: 'Origin, Access-Control-Request-Headers',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      ...(requested !== undefined && { 'access-control-allow-headers': requested }),
      'access-control-max-age': '600',
    })
    response.end()
  }
}
