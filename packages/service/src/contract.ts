import type { Clock, ConfigOf, Log, OptionTable, Part } from '@freshet/kit'
import type { ProblemCode } from '@freshet/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Drain } from './drain.ts'
import type { InFlight } from './in-flight.ts'
import type { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'
import type { Route, RunningRequests } from './route-table.ts'
import type { Upgrades } from './upgrades.ts'

/** Answers one request. A thrown or rejected `ProblemError` is sent as that problem; any other error as 500. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** The claims of a verified token. Frozen. */
export interface Claims {
  /** The claim `sub`; never empty. */
  readonly sub: string
  /** The claim `roles`; empty if it is missing or not an array of strings. */
  readonly roles: readonly string[]
  /**
   * The claim `freshet_handlers`: services whose change handlers the bearer writes for, as an array or a
   * space-separated string; empty if missing. `all` with `--no-tokens`.
   */
  readonly handlers: readonly string[] | 'all'
  /** The claim `groups`: groups that the bearer is a member of; empty if it is missing or not an array of strings. */
  readonly groups: readonly string[]
  /** The claim `exp`, in seconds since 1970; `Infinity` with `--no-tokens`. */
  readonly expiresAt: number
  /** The claim `iat`, in seconds since 1970; 0 if it is missing. */
  readonly issuedAt: number
}

/** Verifies bearer tokens. */
export interface Verifier {
  /**
   * Takes the whole `Authorization` header. Returns without a promise for a cached token that has not expired: one
   * lookup and one comparison, about 50 ns.
   * @throws {ProblemError} `unauthenticated` with `WWW-Authenticate` (thrown, or as a rejection); `unavailable` if the
   * keys cannot be fetched.
   */
  verify(header: string | undefined): Claims | Promise<Claims>
}

/** Health of the app, for the management port. Called on each probe; must not have side effects. */
export interface Health<Status extends object = object> {
  /** `/startupz`: the app has started. Stays true. */
  started(): boolean
  /** `/readyz`: `undefined` if ready, else a short reason. */
  unready(): string | undefined
  /** `/statusz`: the fields of the app. */
  status(): Status
}

/** The body of `/statusz`. */
export type ServiceStatus<Status extends object = object> = Status & {
  readonly role: string
  readonly version: string
  /** Connections open on the public port; 0 before it opens. */
  readonly connections: number
  /** Whether it is shutting down. */
  readonly draining: boolean
}

/** Answers a failed request; for frameworks that catch errors themselves, such as the error middleware of Express. */
export type Fail = (request: IncomingMessage, response: ServerResponse, error: unknown) => void

/** What `build` receives. */
export interface ServiceTools {
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tokens: Verifier
  /** Memory budget for all work in progress. */
  readonly inFlight: InFlight
  readonly fail: Fail
  /** Routes of a mounted app run in it, so that `close` can wait for them. A service waits for its own port. */
  readonly requests: Pick<RunningRequests, 'run'> | undefined
  /** Register everything that waits or stays open for long. */
  readonly drain: Pick<Drain, 'add' | 'begun'>
  /** Aborts when startup is canceled; retry loops must end. */
  readonly signal: AbortSignal
}

/** A built app, not yet started. */
export interface App<Status extends object = object> {
  /** Handles requests on the public port; may be an Express app. */
  readonly handle: Handler
  /** Started in order before the public port opens, stopped in reverse after it closes. */
  readonly parts: readonly Part[]
  readonly health: Health<Status>
  /** Other protocols on the public port, such as WebSocket. */
  readonly upgrades?: Upgrades
  /** Additional routes on the management port, which whoever reaches it may use. */
  readonly management?: readonly Route[]
}

/** How an app is declared to `runService`. */
export interface ServiceDefinition<Options extends OptionTable, Built extends App = App> {
  /** `writer`, `reader`: in logs, in `/statusz`, in help. */
  readonly role: string
  readonly version: string
  /** One sentence for `--help`. */
  readonly description: string
  /** Options of the app. Names must differ from those in `serviceOptions`. */
  readonly options: Options
  /**
   * Builds the app. The management port is already open and reports "starting", so this may wait for a database as long
   * as needed. A `ConfigError` ends the process with exit code 78.
   */
  build(config: ConfigOf<Options> & ServiceConfig, tools: ServiceTools): Built | Promise<Built>
}

/** Problems that the HTTP shell itself answers. */
export type ShellProblem = Extract<
  ProblemCode,
  'internal' | 'bad-request' | 'request-timeout' | 'headers-too-large' | 'payload-too-large'
>
