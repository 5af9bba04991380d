import type { BytePart, Clock } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { answerSocket, clientDetail, clientProblem } from './answers.ts'
import { Connections, type CutReason } from './connections.ts'
import type { Fail, Handler } from './contract.ts'
import { deferContinue } from './receive-body.ts'
import { headWithoutUpgrade, type Upgrades } from './upgrades.ts'

/** Limits of one port. */
export interface HttpLimits {
  /** More is 431. */
  readonly maxHeaderBytes: number
  /** From connecting, or the first byte of a request; then 408. */
  readonly headersWithinMs: number
  /** For headers and body together; then 408. At least `headersWithinMs`. */
  readonly bodyWithinMs: number
  /** How long a connection may wait for its next request. */
  readonly idleMs: number
  /** How long a client may read nothing of a response; then it is disconnected. Checked every quarter of this time. */
  readonly unreadMs: number
  /**
   * At this limit a connection that waits for its client is closed for a new one; if there is none, the new one is
   * refused.
   */
  readonly maxSockets: number
}

export interface HttpShellOptions {
  readonly handle: Handler
  readonly fail: Fail
  readonly limits: HttpLimits
  /** Budget for queued requests. */
  readonly heads: BytePart
  readonly clock: Clock
  /** Other protocols on this port; without it `Upgrade` headers are ignored. */
  readonly upgrades?: Upgrades
}

/**
 * The most headers of a request; more is 431. Node.js would silently drop the rest, preconditions included. Without a
 * limit, a 16 KiB head of three thousand headers takes 240 KiB of memory.
 */
const MAX_HEADERS = 200

/** `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986, 3.2.2). May be empty. */
const HOST =
  /^(?:\[[\dA-Fa-f:.]+\]|\[v[\dA-Fa-f]+\.[\w.~!$&'()*+,;=:-]+\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})*)(?::\d*)?$/

/** The same match as in Node.js. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/**
 * Connections that may wait to be accepted; Linux caps it at `net.core.somaxconn`, 4,096. With the 511 of Node.js, a mass
 * reconnect overflows the queue, and clients whose handshake was lost wait up to a minute for the kernel to notice.
 */
const BACKLOG = 16_384

/** How often `close` checks for idle connections, in milliseconds. */
const SWEEP_MS = 20

/** How long a client with a broken or late body has to read the response, in milliseconds. */
const ERROR_LINGER_MS = 1_000

/** An HTTP port: enforces limits, answers failures of the handler, and closes gracefully. */
export class HttpShell {
  readonly #options: HttpShellOptions
  readonly #server: Server
  readonly #connections: Connections
  readonly #rules = new HeadRules()
  /** A listener of its own for each connection would keep the request as long as the connection is open. */
  readonly #onTimeout: (this: Socket) => void
  #draining = false
  #requests = 0

  constructor(options: HttpShellOptions) {
    const { limits, heads, clock } = options
    this.#options = options
    this.#connections = new Connections({
      take: (request, response) => this.#take(request, response),
      maxSockets: limits.maxSockets,
      unreadMs: limits.unreadMs,
      heads,
      clock,
    })
    const connections = this.#connections
    this.#onTimeout = function () {
      connections.timeOut(this)
    }
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersWithinMs,
      requestTimeout: limits.bodyWithinMs,
      keepAliveTimeout: limits.idleMs,
      // The default of 30 s would extend both timeouts above by as much.
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headersWithinMs / 4)),
      noDelay: true,
      // Node.js would reject such requests itself, without a problem document.
      requireHostHeader: false,
      // Otherwise Node.js silently takes the first of two singleton headers.
      joinDuplicateHeaders: true,
    })
    this.#server.maxHeadersCount = MAX_HEADERS
    this.#listen()
  }

  /** Requests received so far. */
  get requests(): number {
    return this.#requests
  }

  /** Open connections. */
  get openSockets(): number {
    return this.#connections.size
  }

  /** Connections closed by the server, by reason. */
  get cuts(): Readonly<Record<CutReason, number>> {
    return this.#connections.cuts
  }

  /** Connections refused because of `maxSockets` or the limit of the operating system. */
  get droppedSockets(): number {
    return this.#connections.refused
  }

  /** Opens the port. Returns its base URL, without a trailing slash. @throws a system error (`EADDRINUSE`, …). */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, host, backlog: BACKLOG }, () => {
        this.#server.off('error', reject)
        // `accept` failed: no file descriptor is left, or the client is already gone.
        this.#server.on('error', () => this.#connections.reject())
        resolve()
      })
    })
    const address = this.#server.address()
    const bound = typeof address === 'object' && address ? address.port : port
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
  }

  /** Closes connections after their current response (`Connection: close`). */
  drain(): void {
    this.#draining = true
    this.#connections.disableKeepAlive()
  }

  /** Refuses new connections, closes idle ones, lets requests finish, and cuts whatever remains after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    const { clock } = this.#options
    this.drain()
    const closed = new AbortController()
    this.#server.close(() => closed.abort())
    const deadline = clock.now() + withinMs
    while (!closed.signal.aborted && clock.now() < deadline) {
      this.#server.closeIdleConnections()
      this.#connections.closeUnused()
      await clock.sleep(Math.min(SWEEP_MS, Math.max(0, deadline - clock.now())), closed.signal)
    }
    await this.#connections.cutAll()
    if (!closed.signal.aborted) await once(closed.signal, 'abort')
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#requests++
    if (this.#draining) response.shouldKeepAlive = false
    const problem = this.#rules.problemOf(request)
    if (problem !== undefined) {
      response.shouldKeepAlive = false
      return this.#fail(request, response, problem)
    }
    try {
      const answered = this.#options.handle(request, response)
      // A synchronous handler, such as a cache hit, costs no promise here.
      if (answered instanceof Promise)
        answered.catch((error: unknown) => this.#fail(request, response, error))
    } catch (error) {
      this.#fail(request, response, error)
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#options.fail(request, response, error)
  }

  #listen(): void {
    const server = this.#server
    const connections = this.#connections
    server.on('request', (request, response) => connections.handle(request, response))
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      deferContinue(request, response)
      connections.handle(request, response)
    })
    server.on('checkExpectation', (request, response) => connections.handle(request, response))
    server.on('connect', (request, socket) => this.#takeConnect(request, socket as Socket))
    server.on('upgrade', (request, socket, head) => this.#takeUpgrade(request, socket as Socket, head))
    server.on('connection', (socket) => connections.add(socket))
    server.on('timeout', (socket) => connections.timeOut(socket))
    server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket))
    const { unreadMs } = this.#options.limits
    const sweep = setInterval(() => connections.limitUnreadTime(), Math.ceil(unreadMs / 4)).unref()
    server.once('close', () => clearInterval(sweep))
  }

  /** CONNECT is answered like any other method, then the connection closes. Node.js hands over the bare socket. */
  #takeConnect(request: IncomingMessage, socket: Socket): void {
    socket.on('timeout', this.#onTimeout)
    this.#connections.handleLast(socket, () => {
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.once('finish', () => socket.destroySoon())
      response.assignSocket(socket)
      this.#connections.begin(request, response)
    })
  }

  /** Hands the connection to the app after all earlier responses. */
  #takeUpgrade(request: IncomingMessage, socket: Socket, behind: Buffer): void {
    const { upgrades } = this.#options
    const match = upgrades?.find(request)
    if (upgrades === undefined || match === undefined) return this.#ignoreUpgrade(request, socket, behind)
    const connections = this.#connections
    socket.on('timeout', this.#onTimeout)
    connections.handleLast(socket, () => {
      this.#requests++
      connections.handOver(socket)
      void upgrades.take({ request, socket, behind, match, fault: this.#rules.problemOf(request) })
    })
  }

  /** Ignores `Upgrade`: gives the socket back to Node.js with the header removed. */
  #ignoreUpgrade(request: IncomingMessage, socket: Socket, behind: Buffer): void {
    socket.on('timeout', this.#onTimeout)
    this.#connections.handleLast(socket, () => {
      socket.off('timeout', this.#onTimeout)
      this.#connections.reopen(socket)
      socket.unshift(Buffer.concat([headWithoutUpgrade(request), behind]))
      this.#server.emit('connection', socket)
    })
  }

  /** Handles bytes that are not an acceptable request, or that did not arrive in time. */
  #refuse(error: Error, socket: Socket): void {
    const problem = clientProblem(error)
    if (problem !== undefined && this.#connections.isEnding(socket)) return
    if (problem === undefined || !socket.writable) return void socket.destroy()
    const answer = (): void => answerSocket(socket, problem, clientDetail(error))
    const response = this.#connections.latest(socket)
    if (response === undefined || response.req.complete) this.#connections.handleLast(socket, answer)
    else if (!response.headersSent) {
      answer()
      // Closing the connection tells the handler that the body will not arrive.
      const timer = setTimeout(() => socket.destroy(), ERROR_LINGER_MS)
      socket.once('close', () => clearTimeout(timer))
    }
    // The request was already answered; it gets no second response.
    else if (response.writableEnded) this.#connections.handleLast(socket, () => socket.destroySoon())
    else socket.destroy()
  }
}

/** Validates request heads. Parsers that disagree about a head can be exploited, so anything ambiguous is refused. */
class HeadRules {
  #goodHost = ''

  /** The fault of a head; the connection must close after it. */
  problemOf({ headers, rawHeaders, httpVersion }: IncomingMessage): ProblemError | undefined {
    if (rawHeaders.length > 2 * MAX_HEADERS)
      return new ProblemError('headers-too-large', { detail: `Expected at most ${MAX_HEADERS} headers.` })
    const { host } = headers
    const coding = headers['transfer-encoding']
    if (httpVersion !== '1.1') {
      if (httpVersion !== '1.0') return bad('Expected HTTP/1.1.')
      // RFC 9112, 6.1: treat its framing as faulty.
      if (coding !== undefined) return bad('Expected no Transfer-Encoding in HTTP/1.0.')
    } else {
      if (host === undefined) return bad('Expected a Host header.')
      const { expect } = headers
      if (expect !== undefined && !CONTINUE.test(expect)) return new ProblemError('expectation-failed')
      if (coding !== undefined && coding.toLowerCase() !== 'chunked')
        return bad('Expected no transfer coding other than chunked.')
    }
    if (host === undefined || host === this.#goodHost) return undefined
    // RFC 9112, 3.2. Node.js joins two Host headers with a comma and a space.
    if (!HOST.test(host)) return bad('Expected one Host header: a name or an address, and optionally a port.')
    this.#goodHost = host
    return undefined
  }
}

function bad(detail: string): ProblemError {
  return new ProblemError('bad-request', { detail })
}
