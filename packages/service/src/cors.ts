import type { Handler } from './contract.ts'

/** What pages of another origin may read of our answers beside the safelisted headers. */
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
 * Lets pages of these origins (`*`: of all) call the handler, by the rules of https://fetch.spec.whatwg.org/#http-cors-protocol.
 * Tokens travel in a header and never in cookies, so credentials are not allowed. Without origins the handler comes
 * back as it is.
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
    // A preflight asks whether it may ask; which methods a path has, the real request is told. Pages may send any header:
    // none of them has rights that a program without a browser would not have (`traceparent`, `sentry-trace`, …).
    const asked = request.headers['access-control-request-headers']
    response.writeHead(204, {
      vary: 'Origin, Access-Control-Request-Headers',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      ...(asked !== undefined && { 'access-control-allow-headers': asked }),
      'access-control-max-age': '600',
    })
    response.end()
  }
}
