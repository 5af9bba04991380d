import type { Clock } from '@freshet/kit'
import { once } from 'node:events'
import { createServer, ServerResponse } from 'node:http'
import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerSocket, clientDetail, clientProblem } from './client-error.ts'
import { Connections, type Cut } from './connections.ts'
import type { Fail, Handler } from './contract.ts'
import { holdContinue } from './expectation.ts'

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
  /** Connections beyond it are closed at once. */
  readonly maxSockets: number
}

/** What an HTTP shell is made of. */
export interface HttpShellOptions {
  readonly handle: Handler
  readonly fail: Fail
  readonly limits: HttpLimits
  readonly clock: Clock
}

/** How often closing looks for connections that have become idle, in milliseconds. */
const SWEEP_MS = 20

/** One port: limits around a handler whose failures are answered, and a close that lets running requests end. */
export class HttpShell {
  readonly #options: HttpShellOptions
  readonly #server: Server
  readonly #connections: Connections
  #draining = false
  #requests = 0
  #dropped = 0

  constructor(options: HttpShellOptions) {
    const { limits } = options
    this.#options = options
    this.#connections = new Connections((request, response) => this.#take(request, response))
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
    })
    this.#server.maxConnections = limits.maxSockets
    // Their bytes are limited. Of more than 1,000 Node.js would leave out the rest, a condition too, and say nothing.
    this.#server.maxHeadersCount = 0
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

  /** Connections that were refused because `maxSockets` were open. */
  get droppedSockets(): number {
    return this.#dropped
  }

  /** Opens the port and gives its base URL, without a final slash. @throws the system's error (`EADDRINUSE`, …). */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, host }, () => {
        this.#server.off('error', reject)
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
    await Promise.all([...this.#connections.sockets()].map((socket) => once(socket.destroy(), 'close')))
    if (!closed.signal.aborted) await once(closed.signal, 'abort')
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#requests++
    if (this.#draining) response.shouldKeepAlive = false
    if (request.headers.host === undefined && request.httpVersion === '1.1')
      return this.#fail(
        request,
        response,
        new ProblemError('bad-request', { detail: 'Wanted a Host header.' }),
      )
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
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
      this.#fail(request, response, new ProblemError('expectation-failed')),
    )
    server.on('connect', (request, socket) => this.#takeConnect(request, socket as Socket))
    server.on('connection', (socket) => connections.add(socket))
    server.on('timeout', (socket) => connections.timeOut(socket))
    server.on('drop', () => this.#dropped++)
    server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket))
    const { unreadMs } = this.#options.limits
    const sweep = setInterval(() => connections.limitUnread(unreadMs), Math.ceil(unreadMs / 4)).unref()
    server.once('close', () => clearInterval(sweep))
  }

  /** Node.js hands over the bare connection: it gets an answer as every other method, and is closed behind it. */
  #takeConnect(request: IncomingMessage, socket: Socket): void {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.once('finish', () => socket.destroySoon())
    response.assignSocket(socket)
    this.#connections.offer(request, response)
  }

  /** The bytes of a connection are no acceptable request, or did not come in time. */
  #refuse(error: Error, socket: Socket): void {
    const problem = clientProblem(error)
    if (problem === undefined || !socket.writable) return void socket.destroy()
    const response = this.#connections.newest(socket)
    if (response === undefined) return answerSocket(socket, problem, clientDetail(error))
    const { req: request } = response
    if (!request.complete && response.headersSent) socket.destroy()
    else if (!request.complete || response.writableFinished)
      answerSocket(socket, problem, clientDetail(error))
    else {
      // It is about what stands behind a whole request: the answer to that one is on its way, and is the last.
      response.shouldKeepAlive = false
      response.once('close', () => socket.destroySoon())
    }
  }
}
