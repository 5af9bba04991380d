import type { Clock, ConfigOf, Log, OptionTable, Part } from '@freshet/kit'
import type { ProblemCode } from '@freshet/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Drain } from './drain.ts'
import type { InFlight } from './in-flight.ts'
import type { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'
import type { Upgrades } from './upgrades.ts'

/** Answers one request. What it throws or rejects with is answered: a `ProblemError` as itself, else 500. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** What a verified token says about its bearer. Frozen. */
export interface Claims {
  /** The claim `sub`; never empty. */
  readonly sub: string
  /** The claim `roles`; empty when there is none, or when it is not an array of texts. */
  readonly roles: readonly string[]
  /**
   * The claim `freshet_handlers`: the services whose handlers of changes the bearer writes for, an array or a text with
   * spaces; empty when there is none. `all` where nobody is asked for tokens.
   */
  readonly handlers: readonly string[] | 'all'
}

/** Who is asking. */
export interface Verifier {
  /**
   * Takes the whole `Authorization` header. A token that was verified before and has not expired is answered at once,
   * without a promise: one look-up and one comparison, about 50 ns.
   * @throws {ProblemError} `unauthenticated` with `WWW-Authenticate` (thrown, or as a rejection);
   *   `unavailable` when the keys cannot be fetched now.
   */
  verify(header: string | undefined): Claims | Promise<Claims>
}

/** What the management port asks the app; pure functions, called on each request there. */
export interface Health<Status extends object = object> {
  /** `/startupz`: the app has what it needs to begin; never false again. */
  started(): boolean
  /** `/readyz`: `undefined` when it may get requests, else why not, in a few words. */
  unready(): string | undefined
  /** `/statusz`: the app's own part of it. Each app declares what that is. */
  status(): Status
}

/** What `/statusz` answers. */
export type ServiceStatus<Status extends object = object> = Status & {
  readonly role: string
  readonly version: string
  /** Connections open on the public port; 0 before it opens. */
  readonly connections: number
  /** It was asked to stop, and gets no new clients. */
  readonly draining: boolean
}

/** The answer to a request that failed; for frameworks that catch errors themselves (Express: its error middleware). */
export type Fail = (request: IncomingMessage, response: ServerResponse, error: unknown) => void

/** What an app is given to build itself from. */
export interface ServiceTools {
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tokens: Verifier
  /** Whatever holds bytes for requests asks here first. */
  readonly inFlight: InFlight
  readonly fail: Fail
  /** Whatever stays open for long, or waits, registers here. */
  readonly drain: Pick<Drain, 'add' | 'begun'>
  /** Aborts when the start is given up: whatever is tried again has to end. */
  readonly signal: AbortSignal
}

/** What an app is, once it is built; nothing of it has started. */
export interface App<Status extends object = object> {
  /** Answers the public port; an Express app is one too. */
  readonly handle: Handler
  /** Started in order before the public port opens; stopped in reverse after it is closed. */
  readonly parts: readonly Part[]
  readonly health: Health<Status>
  /** Other protocols that are spoken on the public port, such as web-sockets. */
  readonly upgrades?: Upgrades
}

/** How an app is declared to `runService`. */
export interface ServiceDefinition<Options extends OptionTable, Built extends App = App> {
  /** `writer`, `reader`: in logs, in `/statusz`, in help. */
  readonly role: string
  readonly version: string
  /** One sentence for `--help`. */
  readonly says: string
  /** The app's own options; their names must differ from `serviceOptions`. */
  readonly options: Options
  /**
   * The management port is open already and says "starting", so it may wait for a database for as long as it takes.
   * May throw `ConfigError`: the process ends with 78 and the message.
   */
  build(config: ConfigOf<Options> & ServiceConfig, tools: ServiceTools): Built | Promise<Built>
}

/** The code of a problem that the HTTP shell itself answers. */
export type ShellProblem = Extract<
  ProblemCode,
  'internal' | 'bad-request' | 'request-timeout' | 'headers-too-large' | 'payload-too-large'
>
