import { formatLineage, headers as names, type Lineage } from '@freshet/protocol'
import { HandlerError } from './errors.ts'
import { neverSent } from './never-sent.ts'

/** Parameters of a handler's `fetch`. */
export interface LineageFetchParts {
  /** Headers for writers; see `lineageHeaders`. @throws {HandlerError} STALE_CONTEXT */
  readonly headers: () => Readonly<Record<string, string>>
  /** Origins of writers: `http://writer:8080`. */
  readonly writers: ReadonlySet<string>
  /**
   * Called before a request that may write is sent.
   * @returns a function to call if the writer refuses it, or it was not sent.
   * @throws {HandlerError} BREAKER_OPEN
   */
  readonly admit: () => () => void
}

/** Methods that do not write. https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The `fetch` for one call of a handler. Requests to a writer carry the lineage, overriding the caller's headers, and
 * follow no redirects: the lineage names documents, which no other origin may see. All other requests use the plain
 * `fetch`.
 */
export function lineageFetch({ headers, writers, admit }: LineageFetchParts): typeof fetch {
  return async (input, init) => {
    // Objects may answer differently each time, so each is read once: what is checked is what is sent.
    const target = input instanceof Request ? input : String(input)
    if (!writers.has(originOf(target))) return fetch(target, init)
    const request = new Request(target, init)
    for (const [name, value] of Object.entries(headers())) request.headers.set(name, value)
    request.signal.throwIfAborted()
    const refund = safeMethods.has(request.method) ? undefined : admit()
    const redirect = request.redirect === 'manual' ? 'manual' : 'error'
    try {
      const response = await fetch(request, { redirect, signal: signalOf(target, init) })
      if (!response.ok) refund?.()
      return response
    } catch (error) {
      if (neverSent(error)) refund?.()
      throw error
    }
  }
}

/** Reads `url` as `fetch` does: an object may have an own `url` that differs. */
function originOf(target: Request | string): string {
  const url = typeof target === 'string' ? target : Reflect.get(Request.prototype, 'url', target)
  return new URL(url).origin
}

/** The caller's own signal: a derived one stops working once its request is garbage-collected. */
function signalOf(target: Request | string, init: RequestInit | undefined): AbortSignal | null {
  if (init?.signal !== undefined || typeof target === 'string') return init?.signal ?? null
  return target.signal
}

/** The headers that carry a request's lineage to a writer. */
export function lineageHeaders(lineage: Lineage): Readonly<Record<string, string>> {
  return Object.freeze({ [names.hops]: String(lineage.length), [names.cause]: formatLineage(lineage) })
}

/** The same headers, read through `check`, which throws when they must no longer be used. */
export function checkedHeaders(
  headers: Readonly<Record<string, string>>,
  check: () => void,
): Readonly<Record<string, string>> {
  const checked: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const get = (): string => {
      check()
      return value
    }
    Object.defineProperty(checked, name, { enumerable: true, get })
  }
  return Object.freeze(checked)
}

/** Parses the declared origins of writers. @throws {HandlerError} BAD_HANDLER: one is not an origin. */
export function writerOrigins(writers: readonly string[]): ReadonlySet<string> {
  const bad = writers.find((writer) => !isHttpOrigin(writer))
  if (bad !== undefined)
    throw new HandlerError(
      'BAD_HANDLER',
      `expected a writer as an origin, http://host:port, got ${JSON.stringify(bad)}`,
    )
  return new Set(writers)
}

/** Whether a string equals the `URL.origin` of an HTTP address: no path, no user, no default port. */
export function isHttpOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}
