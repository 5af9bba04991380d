import type { BytePart, Clock } from '@freshet/kit'
import { once } from 'node:events'
import { createServer, ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerSocket, clientDetail, clientProblem } from './client-error.ts'
import { Connections, type Cut } from './connections.ts'
import type { Fail, Handler } from './contract.ts'
import { holdContinue } from './expectation.ts'
import { HeadRules, MAX_HEADERS } from './head-rules.ts'
import { headWithoutUpgrade } from './ignored-upgrade.ts'
import type { Upgrades } from './upgrades.ts'

/** What one client, and all together, may take. */
export interface HttpLimits {
  /** More is 431. */
  readonly maxHeaderBytes: number
  /** From the opening of the connection, or the first byte of a request; then 408. */
  readonly headersWithinMs: number
  /** For headers and body together; then 408. At least `headersWithinMs`. */
  readonly bodyWithinMs: number
  /** How long a connection may wait for its next request. */
  readonly idleMs: number
  /** How long a client may take nothing of an answer; then its connection is cut. Noticed a quarter of it late. */
  readonly unreadMs: number
  /** For one more, a connection that waits for its client is closed; without such a one it is closed itself. */
  readonly maxSockets: number
}

/** What an HTTP shell is made of. */
export interface HttpShellOptions {
  readonly handle: Handler
  readonly fail: Fail
  readonly limits: HttpLimits
  /** The bytes of requests that wait for the answers before them. */
  readonly heads: BytePart
  readonly clock: Clock
  /** Other protocols that are spoken here; without it each wish for one is ignored. */
  readonly upgrades?: Upgrades
}

/** How often closing looks for connections that have become idle, in milliseconds. */
const SWEEP_MS = 20

/** How long a client whose body is broken or late has to read its answer, in milliseconds. */
const HEARD_AFTER_MS = 1_000

/** One port: limits around a handler whose failures are answered, and a close that lets running requests end. */
export class HttpShell {
  readonly #options: HttpShellOptions
  readonly #server: Server
  readonly #connections: Connections
  readonly #rules = new HeadRules()
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
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersWithinMs,
      requestTimeout: limits.bodyWithinMs,
      keepAliveTimeout: limits.idleMs,
      // The default of 30 s would make the two times above longer by as much.
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headersWithinMs / 4)),
      noDelay: true,
      // Node.js would refuse such requests itself, without a problem in the answer.
      requireHostHeader: false,
      // Of two headers that may stand once it would take the first, and say nothing.
      joinDuplicateHeaders: true,
    })
    this.#server.maxHeadersCount = MAX_HEADERS
    this.#listen()
  }

  /** Requests taken so far. */
  get requests(): number {
    return this.#requests
  }

  /** Connections open now. */
  get openSockets(): number {
    return this.#connections.size
  }

  /** Connections that were cut, by reason. */
  get cuts(): Readonly<Record<Cut, number>> {
    return this.#connections.cuts
  }

  /** Connections that were refused because `maxSockets` were open, or all that the system allows. */
  get droppedSockets(): number {
    return this.#connections.refused
  }

  /** Opens the port and gives its base URL, without a final slash. @throws the system's error (`EADDRINUSE`, …). */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, host }, () => {
        this.#server.off('error', reject)
        // The system gives no connection: the process has no file descriptor left, or the client is gone again.
        this.#server.on('error', () => this.#connections.refuse())
        resolve()
      })
    })
    const address = this.#server.address()
    const bound = typeof address === 'object' && address ? address.port : port
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
  }

  /** From now on each answer ends its connection (`Connection: close`), those too that are on their way. */
  drain(): void {
    this.#draining = true
    this.#connections.keepNone()
  }

  /** Takes no new connection, closes idle ones, lets requests end, and cuts what is left after `withinMs`. */
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
      // A handler that answers at once, as from memory, costs no promise here.
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
    server.on('request', (request, response) => connections.offer(request, response))
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      holdContinue(request, response)
      connections.offer(request, response)
    })
    server.on('checkExpectation', (request, response) => connections.offer(request, response))
    server.on('connect', (request, socket) => this.#takeConnect(request, socket as Socket))
    server.on('upgrade', (request, socket, head) => this.#takeUpgrade(request, socket as Socket, head))
    server.on('connection', (socket) => connections.add(socket))
    server.on('timeout', (socket) => connections.timeOut(socket))
    server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket))
    const { unreadMs } = this.#options.limits
    const sweep = setInterval(() => connections.limitUnread(), Math.ceil(unreadMs / 4)).unref()
    server.once('close', () => clearInterval(sweep))
  }

  /** Node.js hands over the bare connection: it gets an answer as every other method, and is closed behind it. */
  #takeConnect(request: IncomingMessage, socket: Socket): void {
    const onTimeout = (): void => this.#connections.timeOut(socket)
    socket.on('timeout', onTimeout)
    this.#connections.offerLast(socket, () => {
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.once('finish', () => socket.destroySoon())
      response.assignSocket(socket)
      this.#connections.begin(request, response)
    })
  }

  /** The app gets the connection when all answers before it have left. */
  #takeUpgrade(request: IncomingMessage, socket: Socket, behind: Buffer): void {
    const { upgrades } = this.#options
    const found = upgrades?.find(request)
    if (upgrades === undefined || found === undefined) return this.#ignoreUpgrade(request, socket, behind)
    const connections = this.#connections
    socket.on('timeout', () => connections.timeOut(socket))
    connections.offerLast(socket, () => {
      this.#requests++
      connections.handOver(socket)
      void upgrades.take({ request, socket, behind, found, fault: this.#rules.problemOf(request) })
    })
  }

  /** Node.js hands over the bare connection, here too: it is given back, and the request is answered as it is. */
  #ignoreUpgrade(request: IncomingMessage, socket: Socket, behind: Buffer): void {
    const onTimeout = (): void => this.#connections.timeOut(socket)
    socket.on('timeout', onTimeout)
    this.#connections.offerLast(socket, () => {
      socket.off('timeout', onTimeout)
      this.#connections.reopen(socket)
      socket.unshift(Buffer.concat([headWithoutUpgrade(request), behind]))
      this.#server.emit('connection', socket)
    })
  }

  /** The bytes of a connection are no acceptable request, or did not come in time. */
  #refuse(error: Error, socket: Socket): void {
    const problem = clientProblem(error)
    if (problem !== undefined && this.#connections.isEnding(socket)) return
    if (problem === undefined || !socket.writable) return void socket.destroy()
    const answer = (): void => answerSocket(socket, problem, clientDetail(error))
    const response = this.#connections.newest(socket)
    if (response === undefined || response.req.complete) this.#connections.offerLast(socket, answer)
    else if (!response.headersSent) {
      answer()
      // The handler hears that the body will not come when the connection is closed: it waits no longer than this.
      const timer = setTimeout(() => socket.destroy(), HEARD_AFTER_MS)
      socket.once('close', () => clearTimeout(timer))
    }
    // The rest of a request that was answered already: it gets no second answer.
    else if (response.writableEnded) this.#connections.offerLast(socket, () => socket.destroySoon())
    else socket.destroy()
  }
}
