import { formatLineage, headers as names, type Lineage } from '@freshet/protocol'
import { HandlerError } from './errors.ts'

/** Parameters of a handler's `fetch`. */
export interface LineageFetchParts {
  /** Headers for writers; see `lineageHeaders`. */
  readonly headers: Readonly<Record<string, string>>
  /** Origins of writers: `http://writer:8080`. */
  readonly writers: ReadonlySet<string>
  /**
   * Called before a request that may write is sent.
   * @returns a function to call if the writer refuses it.
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
    const request = typeof input === 'object' && 'url' in input ? input : undefined
    const { origin } = new URL(request === undefined ? input : request.url)
    if (!writers.has(origin)) return fetch(input, init)
    const method = (init?.method ?? request?.method ?? 'GET').toUpperCase()
    const refused = safeMethods.has(method) ? undefined : admit()
    const told = new Headers(init?.headers ?? request?.headers)
    for (const [name, value] of Object.entries(headers)) told.set(name, value)
    const redirect = init?.redirect === 'manual' ? 'manual' : 'error'
    const response = await fetch(input, { ...init, headers: told, redirect })
    if (!response.ok) refused?.()
    return response
  }
}

/** The headers by which a request tells a writer what it descends from. */
export function lineageHeaders(lineage: Lineage): Readonly<Record<string, string>> {
  return Object.freeze({ [names.hops]: String(lineage.length), [names.cause]: formatLineage(lineage) })
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
