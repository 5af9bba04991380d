import type { Log } from '@freshet/kit'
import { ProblemError, problems, type ProblemCode, type RefusalOptions } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { admitted, noTokens, queryOf } from './admission.ts'
import { answerSocket } from './client-error.ts'
import type { Verifier } from './contract.ts'
import type { Drain } from './drain.ts'
import { normalUrl, PathPattern, pathOf } from './path-pattern.ts'
import type { Call, Route } from './route.ts'

/** A request for another protocol that may be answered. */
export interface UpgradeCall extends Omit<Call, 'response'> {
  readonly socket: Socket
  /** What came behind the head already. */
  readonly behind: Buffer
}

/** One row: a path where another protocol is spoken. */
export interface UpgradeRoute extends Pick<Route, 'path' | 'who' | 'query'> {
  /** What `Upgrade` must name, in lower case. */
  readonly protocol: string
  /**
   * Answers the handshake, and owns the socket from then on; `handleUpgrade` of npm `ws` does. Listen to the socket before
   * this returns. What it throws is answered, if nothing was.
   */
  open(call: UpgradeCall): void
}

/** What the upgrades of an app are made of. */
export interface UpgradesOptions {
  readonly routes: readonly UpgradeRoute[]
  readonly tokens?: Verifier
  /** As of a route table. */
  readonly parameters?: Readonly<Record<string, (text: string) => void>>
  /** Origins of pages that may connect, beside those of this host; `*`: all. Programs send none. */
  readonly origins: readonly string[]
  /** The most connections at once, those that are still asked for their token included; further ones are 503. */
  readonly maxOpen: number
  readonly drain: Pick<Drain, 'begun'>
  readonly log: Log
}

interface Found {
  readonly route: UpgradeRoute
  readonly parameters: Readonly<Record<string, string>>
}

/** A connection whose turn it is. */
interface Taken {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly behind: Buffer
  readonly found: Found
  /** What is wrong with the head. */
  readonly fault: ProblemError | undefined
}

/**
 * The paths of an app where another protocol is spoken. Who may, from where and how many is looked at before the app has
 * the connection; a refusal is an answer of HTTP. A wish for another protocol elsewhere is ignored, as before.
 */
export class Upgrades {
  readonly #options: UpgradesOptions
  readonly #patterns: readonly (readonly [PathPattern, UpgradeRoute])[]
  readonly #refusals = new Map<ProblemCode, number>()
  #open = 0

  /** @throws {TypeError} a path is malformed. */
  constructor(options: UpgradesOptions) {
    this.#options = options
    this.#patterns = options.routes.map((route) => [new PathPattern(route.path), route] as const)
  }

  /** Connections that are open, or are being admitted. */
  get size(): number {
    return this.#open
  }

  /** How often each problem was answered, since the start. */
  get refusals(): ReadonlyMap<ProblemCode, number> {
    return this.#refusals
  }

  /** The row for a request; `undefined`: nobody here speaks that. Never throws. */
  find({ method, url = '', headers }: IncomingMessage): Found | undefined {
    const protocol = headers.upgrade?.toLowerCase()
    if (method !== 'GET') return undefined
    try {
      const path = pathOf(normalUrl(url))
      for (const [pattern, route] of this.#patterns) {
        const parameters = route.protocol === protocol ? pattern.match(path) : undefined
        if (parameters) return { route, parameters }
      }
    } catch (error) {
      // A path that cannot be decoded is refused where it is answered as a request.
      if (!(error instanceof ProblemError)) throw error
    }
    return undefined
  }

  /** Admits and hands over, or refuses. Never rejects. */
  async take({ request, socket, behind, found, fault }: Taken): Promise<void> {
    const sentBytes = socket.bytesWritten
    this.#open += 1
    socket.once('close', () => (this.#open -= 1))
    try {
      if (fault) throw fault
      await this.#admit(request, socket, behind, found)
    } catch (error) {
      this.#refuse(socket, error, sentBytes)
    }
  }

  async #admit(
    request: IncomingMessage,
    socket: Socket,
    behind: Buffer,
    { route, parameters }: Found,
  ): Promise<void> {
    const { tokens = noTokens, parameters: readers = {}, maxOpen, drain } = this.#options
    if (drain.begun) throw new ProblemError('not-ready', { detail: 'This process is about to stop.' })
    if (this.#open > maxOpen)
      throw new ProblemError('overloaded', { detail: `${maxOpen} connections are open.` })
    this.#expectOrigin(request)
    for (const [name, text] of Object.entries(parameters)) readers[name]?.(text)
    const asking = { request, parameters, base: '' }
    const need = typeof route.who === 'function' ? route.who(asking) : route.who
    const claims = await admitted(need, tokens, request)
    const query = queryOf(request, route.query ?? [])
    if (socket.destroyed) return
    // It was paused while it waited for its turn; nothing is read before this turn ends.
    if (socket.isPaused()) socket.resume()
    route.open({ ...asking, claims, query, socket, behind })
  }

  /** Browsers let any page connect, and send its origin: https://www.rfc-editor.org/rfc/rfc6455#section-10.2 */
  #expectOrigin({ headers: { origin, host } }: IncomingMessage): void {
    const { origins } = this.#options
    if (origin === undefined || origins.includes('*') || origins.includes(origin)) return
    if (URL.canParse(origin) && new URL(origin).host === host) return
    throw new ProblemError('forbidden', {
      detail: 'Pages of this origin may not connect: see --cors-origins.',
    })
  }

  #refuse(socket: Socket, error: unknown, sentBytes: number): void {
    const known = error instanceof ProblemError && problems[error.code].status !== 500
    if (!known) this.#options.log.error({ err: error }, 'upgrade failed')
    const code = known ? error.code : 'internal'
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
    // Something of the other protocol was sent already: no answer of HTTP would be understood.
    if (socket.destroyed || socket.bytesWritten > sentBytes) return void socket.destroy()
    const options: RefusalOptions = known ? { ...error.options, headers: error.headers } : {}
    answerSocket(socket, code, options)
  }
}
