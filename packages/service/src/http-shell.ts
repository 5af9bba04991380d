import type { Clock } from '@freshet/kit'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { answerClientError } from './client-error.ts'
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
  /** Each open connection with the newest answer on it. */
  readonly #connections = new Map<Socket, ServerResponse | undefined>()
  #draining = false
  #requests = 0
  #dropped = 0

  constructor(options: HttpShellOptions) {
    const { limits } = options
    this.#options = options
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
    this.#server.on('request', (request, response) => this.#take(request, response))
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      holdContinue(request, response)
      this.#take(request, response)
    })
    this.#server.on('connection', (socket) => this.#watch(socket))
    this.#server.on('drop', () => this.#dropped++)
    this.#server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket))
  }

  /** Requests taken so far. */
  get requests(): number {
    return this.#requests
  }

  /** Connections open now. */
  get openSockets(): number {
    return this.#connections.size
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
    for (const response of this.#connections.values()) if (response) response.shouldKeepAlive = false
  }

  /** Takes no new connection, closes idle ones, lets requests end, and cuts what is left after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    const { clock } = this.#options
    this.drain()
    const closed = new AbortController()
    this.#server.close(() => closed.abort())
    const deadline = clock.now() + withinMs
    while (!closed.signal.aborted && clock.now() < deadline) {
      this.#closeUnused()
      await clock.sleep(Math.min(SWEEP_MS, Math.max(0, deadline - clock.now())), closed.signal)
    }
    await Promise.all([...this.#connections.keys()].map((socket) => once(socket.destroy(), 'close')))
    if (!closed.signal.aborted) await once(closed.signal, 'abort')
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#requests++
    this.#connections.set(request.socket, response)
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

  #watch(socket: Socket): void {
    this.#connections.set(socket, undefined)
    socket.once('close', () => this.#connections.delete(socket))
  }

  #refuse(error: Error, socket: Socket): void {
    // In the middle of an answer, or behind one that was given, a second one would be taken for a part of it.
    if (this.#connections.get(socket)?.headersSent === true && !isIdle(this.#connections.get(socket)))
      socket.destroy()
    else answerClientError(error, socket)
  }

  /** Node.js counts a connection on which nothing was ever sent as busy. */
  #closeUnused(): void {
    this.#server.closeIdleConnections()
    for (const [socket, response] of this.#connections)
      if (!response && socket.bytesRead === 0) socket.destroy()
  }
}

function isIdle(response: ServerResponse | undefined): boolean {
  return response?.writableFinished ?? true
}
