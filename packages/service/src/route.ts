import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Claims } from './contract.ts'

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
