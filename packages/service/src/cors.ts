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

/** A valid origin, or what was expected instead: `expected` completes the sentence "expected …". */
type ReadOrigin = string | { readonly expected: string }

/** Origins of apps that are not web pages: `capacitor://localhost`, `chrome-extension://id`. */
const OTHER_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d+)?$/

/**
 * Checks one origin of `--cors-origins`. Browsers send an origin in exactly one form; any other spelling would never
 * match: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
 */
export function readOrigin(given: string): ReadOrigin {
  if (given === '*' || OTHER_SCHEME.test(given)) return given
  if (given === 'null')
    return {
      expected:
        'web origins; any sandboxed page sends "null", so allowing it allows everyone: use * for that',
    }
  if (given.includes('*')) return { expected: 'full origins, or * alone for all; patterns are not supported' }
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) {
    const { origin } = new URL(given)
    // A path, a trailing slash, upper case, a default port, or a non-ASCII name.
    return origin === given ? given : { expected: `the form that browsers send: ${origin}` }
  }
  return { expected: 'origins with a scheme and without a path, such as https://app.example.com' }
}
