import { isId, ProblemError, readQuery } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import type { RequestHead } from './route-table.ts'

const PARAMETER = /\{([a-z][a-zA-Z]*)\}/
const SEGMENT = /^(?:(?:\{[a-z][a-zA-Z]*\})?(?::[a-z]+)?|[a-z][a-z0-9_.-]*)$/

/** A route path: `/{collection}/{id}`, `/{collection}:changes`. Case-sensitive; a trailing slash makes another path. */
export class PathPattern {
  readonly text: string
  /** Patterns of the same shape match the same paths. */
  readonly shape: string
  readonly #names: readonly string[]
  readonly #regexp: RegExp

  /** @throws {TypeError} malformed. */
  constructor(text: string) {
    const [first, ...segments] = text.split('/')
    if (first !== '' || !segments.every((segment) => segment !== '' && SEGMENT.test(segment)))
      throw new TypeError(`expected a path such as /{collection}/{id}, got ${JSON.stringify(text)}`)
    this.text = text
    this.shape = text.replaceAll(/\{[^}]*\}/g, '{}')
    this.#names = segments.flatMap((segment) => PARAMETER.exec(segment)?.[1] ?? [])
    if (new Set(this.#names).size < this.#names.length)
      throw new TypeError(`expected each parameter once, got ${JSON.stringify(text)}`)
    const source = segments.map(
      (segment) => `/${segment.replaceAll('.', '\\.').replace(PARAMETER, '([^/]+)')}`,
    )
    this.#regexp = new RegExp(`^${source.join('')}$`)
  }

  /** The parameters of a path, passed without its query; `undefined`: no match. @throws {ProblemError} bad-url */
  match(path: string): Record<string, string> | undefined {
    const match = this.#regexp.exec(path)
    if (match === null) return undefined
    const parameters: Record<string, string> = {}
    this.#names.forEach((name, index) => (parameters[name] = decoded(match[index + 1] ?? '')))
    return parameters
  }

  /** Whether a path, passed without its query, matches. Decodes nothing. */
  covers(path: string): boolean {
    return this.#regexp.test(path)
  }

  /**
   * A total order for sorting: of two patterns that match the same path, the more specific one comes first. Returns 0 only
   * for patterns of the same shape.
   */
  static bySpecificity({ shape: one }: PathPattern, { shape: other }: PathPattern): number {
    const [left, right] = [one.split('/'), other.split('/')]
    // No path matches patterns of different lengths, so any fixed order of lengths works.
    if (left.length !== right.length) return right.length - left.length
    for (const [index, segment] of left.entries()) {
      const difference = generality(segment) - generality(right[index] ?? '')
      if (difference !== 0) return difference
    }
    if (one === other) return 0
    return one < other ? -1 : 1
  }
}

/**
 * Normalizes a request target: percent-encoded unreserved characters of the path are decoded (RFC 3986, 6.2.2.2), so
 * that `/%761/products` is `/v1/products`; the origin of an absolute-form target (RFC 9112, 3.2.2) is removed. Refuses
 * what URL parsers read in different ways: `#`, a `\` in the path, and any scheme but `http` and `https`. In the query a
 * `\` is unambiguous, and browsers send it. Idempotent. @throws {ProblemError} bad-url
 */
export function normalizeUrl(url: string): string {
  const local = url.startsWith('/') ? url : withoutOrigin(url)
  if (local.includes('#') || (local.includes('\\') && pathOf(local).includes('\\')))
    throw new ProblemError('bad-url', {
      detail: 'Expected a URL without "#", and a path without "\\": encode them as %23 and %5C.',
    })
  if (!local.includes('%')) return local
  const path = pathOf(local)
  decoded(path)
  const normal = path.replaceAll(/%([0-9a-f]{2})/gi, (encoded, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : encoded
  })
  return normal + local.slice(path.length)
}

function withoutOrigin(url: string): string {
  const local = url.replace(/^https?:\/\/[^/?#\\]*/i, '')
  if (!local.includes('://') || local !== url) return local
  throw new ProblemError('bad-url', { detail: 'Expected a path, or a URL with the scheme http or https.' })
}

/** The part of a request target before the `?`. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

/** The raw query of a request target; empty if there is none. */
function rawQueryOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? '' : url.slice(mark + 1)
}

const none: ReadonlyMap<string, string> = new Map()

/** Parses the query and rejects unknown parameters. @throws {ProblemError} bad-url, bad-query */
export function queryOf(
  { url = '' }: IncomingMessage,
  known: readonly string[] | 'any',
): ReadonlyMap<string, string> {
  const raw = rawQueryOf(url)
  if (raw === '' || known === 'any') return none
  const parameters = readQuery(raw)
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue
    const wanted = known.length === 0 ? 'no parameters' : known.join(', ')
    throw new ProblemError('bad-query', {
      detail: `Expected ${wanted}; got ${JSON.stringify(name.slice(0, 80))}.`,
    })
  }
  return parameters
}

/** A path parameter. @throws {TypeError} the route has no such parameter. */
export function parameterOf({ parameters }: RequestHead, name: string): string {
  const text = parameters[name]
  if (text === undefined) throw new TypeError(`the pattern of the route has no {${name}}`)
  return text
}

/**
 * Checks `{collection}` and `{id}` in a path; for the `parameters` of a route table. `has` says whether a collection
 * exists; `refusal` gives the problem for other names that deserve one of their own.
 */
export function documentParameters(
  has: (collection: string) => boolean,
  refusal: (collection: string) => ProblemError | undefined = () => undefined,
): Record<'collection' | 'id', (text: string) => void> {
  return {
    collection: (name) => {
      if (has(name)) return
      const refused = refusal(name)
      if (refused !== undefined) throw refused
      // Not a valid collection name, so it must be an unknown path such as `/{collection}:changes`.
      const path = name.includes(':') || name.includes('/')
      throw new ProblemError(path ? 'unknown-path' : 'unknown-collection')
    },
    id: (id) => {
      if (isId(id)) return
      const detail =
        'Expected an id of 1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - other than "." and "..".'
      throw new ProblemError('bad-id', { detail })
    },
  }
}

function generality(segment: string): number {
  if (segment === '{}') return 2
  return segment.startsWith('{}') ? 1 : 0
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    // A broken escape, or bytes that are not UTF-8.
    throw new ProblemError('bad-url', {
      detail: 'The path has a broken percent-encoding, or one that is not UTF-8.',
      cause,
    })
  }
}
