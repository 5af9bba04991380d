import { formatLineage, headers as names, type Lineage } from '@freshet/protocol'
import { HandlerError } from './errors.ts'

/** What the `fetch` of one call of a handler needs. */
export interface LineageFetchParts {
  /** What a writer is told; see `lineageHeaders`. */
  readonly headers: Readonly<Record<string, string>>
  /** Origins of writers: `http://writer:8080`. */
  readonly writers: ReadonlySet<string>
  /**
   * Called before a request that may write leaves.
   * @returns what is to be called when the writer has refused it.
   * @throws {HandlerError} BREAKER_OPEN
   */
  readonly admit: () => () => void
}

/** Requests that write nothing. https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The `fetch` of one call of a handler. A request to a writer carries the lineage, whatever the caller put into these
 * headers, and is not redirected: the lineage names documents, which no other origin may see. Every other request is
 * the plain `fetch`.
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

/**
 * The origins of writers as a service declares them.
 * @throws {HandlerError} BAD_HANDLER: one is no origin.
 */
export function writerOrigins(writers: readonly string[]): ReadonlySet<string> {
  const bad = writers.find((writer) => !isHttpOrigin(writer))
  if (bad !== undefined)
    throw new HandlerError(
      'BAD_HANDLER',
      `expected a writer as an origin, http://host:port, got ${JSON.stringify(bad)}`,
    )
  return new Set(writers)
}

/** Whether a text is what `URL.origin` gives for an address of HTTP: no path, no user, the default port left out. */
export function isHttpOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}
