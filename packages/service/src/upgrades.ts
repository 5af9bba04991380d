import type { Log } from '@freshet/kit'
import { ProblemError, problems, type ProblemCode, type RefusalOptions } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { authorize, noTokens } from './admission.ts'
import { answerSocket } from './answers.ts'
import type { Verifier } from './contract.ts'
import type { Drain } from './drain.ts'
import { normalizeUrl, PathPattern, pathOf, queryOf } from './path-pattern.ts'
import type { Call, Route } from './route-table.ts'

/** An authorized upgrade request. */
export interface UpgradeCall extends Omit<Call, 'response'> {
  readonly socket: Socket
  /** Bytes received after the head. */
  readonly behind: Buffer
}

/** A path where another protocol is spoken. */
export interface UpgradeRoute extends Pick<Route, 'path' | 'who' | 'query'> {
  /** The value of `Upgrade`, in lower case. */
  readonly protocol: string
  /**
   * Answers the handshake and takes ownership of the socket, like `handleUpgrade` of npm `ws`. Add listeners to the
   * socket before returning. A thrown error is answered if nothing was sent yet.
   */
  open(call: UpgradeCall): void
}

/** Options of {@link Upgrades}. */
export interface UpgradesOptions {
  readonly routes: readonly UpgradeRoute[]
  readonly tokens?: Verifier
  /** As in a route table. */
  readonly parameters?: Readonly<Record<string, (text: string) => void>>
  /** Allowed page origins in addition to this host; `*`: all. Non-browser clients send none. */
  readonly origins: readonly string[]
  /** The most connections, including those being authorized; further ones get 503. */
  readonly maxOpen: number
  readonly drain: Pick<Drain, 'begun'>
  readonly log: Log
}

interface UpgradeMatch {
  readonly route: UpgradeRoute
  readonly parameters: Readonly<Record<string, string>>
}

interface UpgradeRequest {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly behind: Buffer
  readonly match: UpgradeMatch
  /** The fault of the head, if any. */
  readonly fault: ProblemError | undefined
}

/**
 * The upgrade paths of an app. Token, origin and limits are checked before the app gets the connection; refusals are
 * HTTP responses. On other paths `Upgrade` is ignored.
 */
export class Upgrades {
  readonly #options: UpgradesOptions
  readonly #patterns: readonly (readonly [PathPattern, UpgradeRoute])[]
  readonly #refusals = new Map<ProblemCode, number>()
  #open = 0
  /** One for all connections, for which it stays. */
  readonly #onClose = (): void => {
    this.#open -= 1
  }

  /** @throws {TypeError} two routes for the same protocol and path, a malformed path, or a protocol in upper case. */
  constructor(options: UpgradesOptions) {
    this.#options = options
    this.#patterns = options.routes
      .map((route) => [new PathPattern(route.path), route] as const)
      .toSorted(([one], [other]) => PathPattern.bySpecificity(one, other))
    const keys = new Set<string>()
    for (const [{ shape }, { protocol, path }] of this.#patterns) {
      if (protocol !== protocol.toLowerCase())
        throw new TypeError(`expected a protocol in lower case, got ${JSON.stringify(protocol)}`)
      const key = `${protocol} ${shape}`
      if (keys.has(key)) throw new TypeError(`two routes upgrade to ${protocol} on ${path}`)
      keys.add(key)
    }
  }

  /** Open connections, including those being authorized. */
  get size(): number {
    return this.#open
  }

  /** Refusals since the start, by problem code. */
  get refusals(): ReadonlyMap<ProblemCode, number> {
    return this.#refusals
  }

  /** The route of an upgrade request; `undefined`: none. Never throws. */
  find({ method, url = '', headers, httpVersion }: IncomingMessage): UpgradeMatch | undefined {
    const protocol = headers.upgrade?.toLowerCase()
    // RFC 9110, 7.8: Upgrade in HTTP/1.0 must be ignored.
    if (method !== 'GET' || httpVersion === '1.0') return undefined
    try {
      const path = pathOf(normalizeUrl(url))
      for (const [pattern, route] of this.#patterns) {
        const parameters = route.protocol === protocol ? pattern.match(path) : undefined
        if (parameters) return { route, parameters }
      }
    } catch (error) {
      // A path that cannot be decoded is refused later, as an ordinary request.
      if (!(error instanceof ProblemError)) throw error
    }
    return undefined
  }

  /** Authorizes the request and hands the connection to the app, or refuses it. Never rejects. */
  async take({ request, socket, behind, match, fault }: UpgradeRequest): Promise<void> {
    const sentBytes = socket.bytesWritten
    this.#open += 1
    socket.on('close', this.#onClose)
    try {
      if (fault) throw fault
      await this.#authorize(request, socket, behind, match)
    } catch (error) {
      this.#refuse(socket, error, sentBytes)
    }
  }

  async #authorize(
    request: IncomingMessage,
    socket: Socket,
    behind: Buffer,
    { route, parameters }: UpgradeMatch,
  ): Promise<void> {
    const { tokens = noTokens, parameters: readers = {}, maxOpen, drain } = this.#options
    if (drain.begun) throw new ProblemError('not-ready', { detail: 'This process is shutting down.' })
    if (this.#open > maxOpen)
      throw new ProblemError('overloaded', { detail: `${maxOpen} connections are open.` })
    expectNoBody(request)
    this.#expectOrigin(request)
    for (const [name, text] of Object.entries(parameters)) readers[name]?.(text)
    const head = { request, parameters, base: '' }
    const need = typeof route.who === 'function' ? route.who(head) : route.who
    const claims = await authorize(need, tokens, request)
    const query = queryOf(request, route.query ?? [])
    if (socket.destroyed) return
    // It was paused while queued; nothing is read before this turn ends.
    if (socket.isPaused()) socket.resume()
    route.open({ ...head, claims, query, socket, behind })
  }

  /** Checks the origin: browsers let any page connect. https://www.rfc-editor.org/rfc/rfc6455#section-10.2 */
  #expectOrigin({ headers: { origin, host } }: IncomingMessage): void {
    const { origins } = this.#options
    if (origin === undefined || origins.includes('*') || origins.includes(origin)) return
    if (host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)) return
    throw new ProblemError('forbidden', {
      detail: 'This origin may not connect; see --cors-origins.',
    })
  }

  #refuse(socket: Socket, error: unknown, sentBytes: number): void {
    const known = error instanceof ProblemError && problems[error.code].status !== 500
    if (!known) this.#options.log.error({ err: error }, 'upgrade failed')
    const code = known ? error.code : 'internal'
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
    // The other protocol has begun: an HTTP response would not be understood.
    if (socket.destroyed || socket.bytesWritten > sentBytes) return void socket.destroy()
    const options: RefusalOptions = known ? { ...error.options, headers: error.headers } : {}
    answerSocket(socket, code, options)
  }
}

/** Node.js does not parse the body of an upgrade request: its bytes would be taken for the other protocol. */
function expectNoBody({ headers }: IncomingMessage): void {
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
  throw new ProblemError('bad-request', { detail: 'Expected no body in a request that asks for an upgrade.' })
}

/**
 * The head of an upgrade request without its `Upgrade` header, which RFC 9110, 7.8 lets a server ignore. Never longer
 * than the original, so no limit is exceeded.
 */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'upgrade') continue
    lines.push(`${name}:${lower === 'connection' ? withoutUpgrade(value) : value}`)
  }
  // Node.js decodes heads as Latin-1.
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function withoutUpgrade(connection: string): string {
  const options = connection.split(',').map((option) => option.trim())
  return options.filter((option) => option !== '' && option.toLowerCase() !== 'upgrade').join()
}
