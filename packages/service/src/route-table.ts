import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { authorize, noTokens } from './admission.ts'
import { sendProblem } from './answers.ts'
import type { Claims, Handler, Verifier } from './contract.ts'
import { normalizeUrl, PathPattern, pathOf, queryOf } from './path-pattern.ts'

/** The method of a route. `GET` includes `HEAD`; `OPTIONS` is answered automatically. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may use a route: everyone, everyone with a valid token, or everyone with this role in the claim `roles`. */
export type Who = 'public' | 'authenticated' | `role:${string}`

/** Who may use a route, and why a token is needed where that is not obvious. */
export interface Need {
  readonly who: Who
  /** One sentence for a client that sends no token. */
  readonly why: string
}

/** A request whose path is matched. Only its head has been read. */
export interface RequestHead {
  readonly request: IncomingMessage
  /** The path parameters, decoded once. */
  readonly parameters: Readonly<Record<string, string>>
  /** The URL path before the route, for `Location` and links: `/v1`; empty at the root. */
  readonly base: string
}

/** An authorized request. */
export interface Call extends RequestHead {
  readonly response: ServerResponse
  /** The parameters that {@link Route.query} lists, decoded once. */
  readonly query: ReadonlyMap<string, string>
  /** `undefined` for a public route. */
  readonly claims: Claims | undefined
}

/** A row of a route table. */
export interface Route {
  readonly methods: readonly Method[]
  /** `/{collection}/{id}`, `/{collection}:changes`, `/:batch`. A name in braces matches one path segment. */
  readonly path: string
  readonly who: Who | ((head: RequestHead) => Who | Need)
  /** Allowed query parameters; others are 400 `bad-query`. Default: none. `any`: the query is not checked. */
  readonly query?: readonly string[] | 'any'
  /** Handles the request. A thrown or rejected `ProblemError` is sent as that problem; any other error as 500. */
  answer(call: Call): void | Promise<void>
}

export interface RouteTableOptions {
  readonly routes: readonly Route[]
  /** Without it only public routes work. */
  readonly tokens?: Verifier
  /** Default: nothing waits for requests. */
  readonly requests?: Pick<RunningRequests, 'run'> | undefined
  /** Checks path parameters by name, in every route. @throws {ProblemError} the parameter is invalid. */
  readonly parameters?: Readonly<Record<string, (text: string) => void>>
  /** Headers of 405 responses, in addition to `Allow`. */
  readonly methodNotAllowedHeaders?: (head: RequestHead) => Readonly<Record<string, string>>
}

/**
 * The routes of a port. Paths, methods, `Allow`, tokens and queries are checked here and nowhere else, before the
 * handler of a route runs.
 */
export class RouteTable {
  /** Distinct paths, most specific first. */
  readonly paths: readonly RoutePath[]
  readonly #options: RouteTableOptions
  readonly #methods: ReadonlySet<string>

  /** @throws {TypeError} two routes for the same method and path, or a malformed path. */
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
   * Checks that no collection has the name of a fixed path, which `/{collection}/{id}` would shadow.
   * @throws {TypeError}
   */
  rejectNameConflicts(collections: Iterable<string>): void {
    for (const name of collections)
      for (const { pattern } of this.paths)
        if (pattern.text.split('/')[1] === name)
          throw new TypeError(`the path ${pattern.text} and a collection have the same name`)
  }

  /**
   * Handles requests whose `url` starts with `prefix` (`/v1`; empty when Express has removed the mount path). A method
   * that no route has is 405 on every path, before any other check.
   */
  handlerAt(prefix: string): Handler {
    return (request, response) => {
      const { method = '', url = '' } = request
      const base = baseOf(request, prefix)
      if (!this.#methods.has(method)) {
        const headers = this.#options.methodNotAllowedHeaders?.({ request, parameters: {}, base })
        const allow = [...this.#methods].join(', ')
        return sendProblem(response, 'method-not-allowed', { headers: { ...headers, allow } })
      }
      const match = this.#match(url, prefix)
      if (match) return match.path.answer(request, response, match.parameters, base)
      const known = this.paths.map(({ pattern }) => prefix + pattern.text).join(', ')
      throw new ProblemError('unknown-path', { detail: `Expected one of ${known}.` })
    }
  }

  /**
   * The same as middleware of Express 5, whose mounts remove their path from `url`, or of a host that leaves `prefix` there.
   * Unknown paths are left to the app. Path parameters are also set as `request.params`.
   */
  middleware(prefix = ''): Middleware {
    return (request, response, next) => {
      const match = this.#match(request.url ?? '', prefix)
      if (!match) return next()
      request.params = { ...match.parameters }
      return match.path.answer(request, response, match.parameters, baseOf(request, prefix))
    }
  }

  /** @throws {ProblemError} bad-url */
  #match(url: string, prefix: string): PathMatch | undefined {
    const path = pathOf(normalizeUrl(url))
    if (!path.startsWith(`${prefix}/`)) return undefined
    for (const one of this.paths) {
      const parameters = one.pattern.match(path.slice(prefix.length))
      if (parameters) return { path: one, parameters }
    }
    return undefined
  }
}

/** Middleware of Express 5, which passes thrown errors and rejections to error middleware. */
type Middleware = (
  request: IncomingMessage & { params?: Record<string, string>; readonly baseUrl?: string },
  response: ServerResponse,
  next: () => void,
) => void | Promise<void>

interface PathMatch {
  readonly path: RoutePath
  readonly parameters: Readonly<Record<string, string>>
}

/** The requests of a mounted app that routes are working on, so that `close` can wait for them. */
export class RunningRequests {
  #running = 0
  #closing = false
  #idle: () => void = () => undefined

  /** Returns what `work` does. @throws {ProblemError} not-ready: the app is closing or closed. */
  run(work: () => void | Promise<void>): void | Promise<void> {
    if (this.#closing) throw new ProblemError('not-ready', { detail: 'The app was closed.' })
    this.#running += 1
    let result: void | Promise<void>
    try {
      result = work()
    } catch (error) {
      this.#end()
      throw error
    }
    if (result instanceof Promise) return result.finally(() => this.#end())
    this.#end()
  }

  /** Refuses new requests, and resolves when those in progress have ended. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  #end(): void {
    this.#running -= 1
    if (this.#running === 0) this.#idle()
  }
}

/** One path and its routes by method. */
export class RoutePath {
  readonly pattern: PathPattern
  readonly #options: RouteTableOptions
  readonly #routes = new Map<string, Route>()
  #allow = ''

  constructor(pattern: PathPattern, options: RouteTableOptions) {
    this.pattern = pattern
    this.#options = options
  }

  /** @throws {TypeError} the method is taken. */
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
   * Handles a request for this path. `parameters`: decoded once; `base`: the URL path before the route.
   * @throws {ProblemError} also as a rejection.
   */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    parameters: Readonly<Record<string, string>>,
    base: string,
  ): void | Promise<void> {
    const { tokens = noTokens, parameters: readers = {}, requests, methodNotAllowedHeaders } = this.#options
    const head: RequestHead = { request, parameters, base }
    for (const [name, text] of Object.entries(parameters)) readers[name]?.(text)
    const route = this.#routes.get(request.method ?? '')
    if (route === undefined) {
      const headers = { allow: this.#allow }
      if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end()
      throw new ProblemError('method-not-allowed', {
        headers: { ...methodNotAllowedHeaders?.(head), ...headers },
      })
    }
    const need = typeof route.who === 'function' ? route.who(head) : route.who
    const proof = authorize(need, tokens, request)
    const handle = (claims: Claims | undefined): void | Promise<void> =>
      route.answer({ ...head, response, claims, query: queryOf(request, route.query ?? []) })
    const run = (claims: Claims | undefined): void | Promise<void> =>
      requests ? requests.run(() => handle(claims)) : handle(claims)
    // A cached token needs no promise.
    return proof instanceof Promise ? proof.then(run) : run(proof)
  }
}

/** The URL path before a route. Express removes the mount path from `url` and keeps it in `baseUrl`. */
function baseOf(request: IncomingMessage & { readonly baseUrl?: string }, prefix: string): string {
  return (request.baseUrl ?? '') + prefix
}

function allowed(methods: Iterable<string>): ReadonlySet<string> {
  const all = [...methods].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return new Set([...all, 'OPTIONS'])
}
