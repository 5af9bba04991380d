import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Claims } from './contract.ts'

/** What a route answers; `GET` answers `HEAD` too, and `OPTIONS` is answered from the table. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may use a route: everybody, whoever has a valid token, or whoever has this role in its claim `roles`. */
export type Who = 'public' | 'authenticated' | `role:${string}`

/** Who may, and why a token is needed where that is not plain. */
export interface Need {
  readonly who: Who
  /** One sentence for the client that sends no token. */
  readonly why: string
}

/** A request whose path is known; nothing but its head was looked at. */
export interface Asking {
  readonly request: IncomingMessage
  /** What the path says for each `{name}` of the pattern, decoded once. */
  readonly parameters: Readonly<Record<string, string>>
  /** What stands before the path of the route, for `Location` and links: `/v1`; empty at the root. */
  readonly base: string
}

/** A request that may be answered. */
export interface Call extends Asking {
  readonly response: ServerResponse
  /** The parameters that {@link Route.query} names, decoded once. */
  readonly query: ReadonlyMap<string, string>
  /** `undefined`: the route is public, so nobody was asked. */
  readonly claims: Claims | undefined
}

/** One row of a route table. */
export interface Route {
  readonly methods: readonly Method[]
  /** `/{collection}/{id}`, `/{collection}:changes`, `/:batch`: names in braces stand for a part without a slash. */
  readonly path: string
  readonly who: Who | ((asking: Asking) => Who | Need)
  /** Parameters of the query that it knows; others are 400 `bad-query`. Default: none. `any`: the query is not looked at. */
  readonly query?: readonly string[] | 'any'
  /** What it throws or rejects with is answered: a `ProblemError` as itself, everything else as 500. */
  answer(call: Call): void | Promise<void>
}
