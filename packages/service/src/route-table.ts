import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { admitted, noTokens, queryOf } from './admission.ts'
import type { Claims, Handler, Verifier } from './contract.ts'
import { normalUrl, PathPattern, pathOf } from './path-pattern.ts'
import type { Asking, Route } from './route.ts'
import { sendProblem } from './send-problem.ts'

/** What a route table is made of. */
export interface RouteTableOptions {
  readonly routes: readonly Route[]
  /** Without it only public routes can be used. */
  readonly tokens?: Verifier
  /** Looks at the parameters of that name, in every route. @throws {ProblemError} nothing is called so. */
  readonly parameters?: Readonly<Record<string, (text: string) => void>>
  /** Headers of an answer 405 beside `Allow`. */
  readonly refused?: (asking: Asking) => Readonly<Record<string, string>>
}

/**
 * What a port answers, as rows. Paths, methods, `Allow`, tokens and queries are looked at here and nowhere else; a route
 * gets a request that may be answered.
 */
export class RouteTable {
  /** Each path once, in the order in which they are to be asked. */
  readonly paths: readonly RoutePath[]
  readonly #options: RouteTableOptions
  readonly #methods: ReadonlySet<string>

  /** @throws {TypeError} two routes answer the same, or a path is malformed. */
  constructor(options: RouteTableOptions) {
    this.#options = options
    const byShape = new Map<string, RoutePath>()
    for (const route of options.routes) {
      const pattern = new PathPattern(route.path)
      const path = byShape.get(pattern.shape) ?? new RoutePath(pattern, options)
      path.add(route)
      byShape.set(pattern.shape, path)
    }
    this.paths = [...byShape.values()].toSorted((one, other) =>
      PathPattern.bySpecificity(one.pattern, other.pattern),
    )
    this.#methods = allowed(options.routes.flatMap(({ methods }) => methods))
  }

  /**
   * A collection must not have the name of a path of its own: `/{collection}/{id}` would answer for it, or not.
   * @throws {TypeError}
   */
  expectFree(collections: Iterable<string>): void {
    for (const name of collections)
      for (const { pattern } of this.paths)
        if (pattern.text.split('/')[1] === name)
          throw new TypeError(`the path ${pattern.text} and a collection have the same name`)
  }

  /**
   * Answers requests whose `url` begins with `prefix` (`/v1`; empty: they begin with the path of a route, as Express hands
   * them over). A method that no route knows is 405 wherever it is asked for, before anything else is looked at.
   */
  handlerAt(prefix: string): Handler {
    return (request, response) => {
      const { method = '', url = '' } = request
      const base = baseOf(request, prefix)
      if (!this.#methods.has(method)) {
        const headers = this.#options.refused?.({ request, parameters: {}, base })
        const allow = [...this.#methods].join(', ')
        return sendProblem(response, 'method-not-allowed', { headers: { ...headers, allow } })
      }
      const path = pathOf(normalUrl(url))
      if (path.startsWith(`${prefix}/`))
        for (const one of this.paths) {
          const parameters = one.pattern.match(path.slice(prefix.length))
          if (parameters) return one.answer(request, response, parameters, base)
        }
      const known = this.paths.map(({ pattern }) => prefix + pattern.text).join(', ')
      throw new ProblemError('unknown-path', { detail: `Expected one of ${known}.` })
    }
  }
}

/** One path and all that it answers. */
export class RoutePath {
  readonly pattern: PathPattern
  readonly #options: RouteTableOptions
  readonly #routes = new Map<string, Route>()
  #allow = ''

  constructor(pattern: PathPattern, options: RouteTableOptions) {
    this.pattern = pattern
    this.#options = options
  }

  /** @throws {TypeError} another one answers the same. */
  add(route: Route): void {
    for (const method of route.methods) {
      if (this.#routes.has(method)) throw new TypeError(`two routes answer ${method} ${route.path}`)
      this.#routes.set(method, route)
    }
    const head = this.#routes.get('GET')
    if (head) this.#routes.set('HEAD', head)
    this.#allow = [...allowed(this.#routes.keys())].join(', ')
  }

  /**
   * Answers a request for this path. `parameters`: decoded once; `base`: what stands before the path.
   * @throws {ProblemError} also as a rejection.
   */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    parameters: Readonly<Record<string, string>>,
    base: string,
  ): void | Promise<void> {
    const { tokens = noTokens, parameters: readers = {}, refused } = this.#options
    const asking: Asking = { request, parameters, base }
    for (const [name, text] of Object.entries(parameters)) readers[name]?.(text)
    const route = this.#routes.get(request.method ?? '')
    if (route === undefined) {
      const headers = { allow: this.#allow }
      if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end()
      throw new ProblemError('method-not-allowed', { headers: { ...refused?.(asking), ...headers } })
    }
    const need = typeof route.who === 'function' ? route.who(asking) : route.who
    const proof = admitted(need, tokens, request)
    const run = (claims: Claims | undefined): void | Promise<void> =>
      route.answer({ ...asking, response, claims, query: queryOf(request, route.query ?? []) })
    // A token that is remembered costs no turn of the loop.
    return proof instanceof Promise ? proof.then(run) : run(proof)
  }
}

/** What clients put before the path of a route. Express takes the path of a mount off `url` and keeps it in `baseUrl`. */
function baseOf(request: IncomingMessage & { readonly baseUrl?: string }, prefix: string): string {
  return (request.baseUrl ?? '') + prefix
}

function allowed(methods: Iterable<string>): ReadonlySet<string> {
  const all = [...methods].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return new Set([...all, 'OPTIONS'])
}
