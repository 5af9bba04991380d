import type { ByteLease, BytePart, Clock } from '@freshet/kit'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { queuedBytes, isChunked } from './queued-bytes.ts'
import { lingerBeforeClose } from './linger.ts'

/** A client that pipelines more requests than this is disconnected. */
const MAX_PIPELINED = 100

/**
 * At the connection limit, one in this many connections is closed: finding idle connections costs more than closing
 * them.
 */
const CLOSE_ONE_OF = 100

/**
 * The first timeout of a connection, in milliseconds. Node.js ignores a timeout if fewer bytes are pending than at the
 * previous one. The first is compared with the bytes at the time of the write, part of which the kernel accepts at
 * once: https://github.com/nodejs/node/blob/v24.0.0/lib/net.js (`_onTimeout`).
 */
const FIRST_TIMEOUT_MS = 1

/** Why the server closed a connection. */
export type CutReason = 'unread' | 'pipelining' | 'crowded'

export interface ConnectionsOptions {
  readonly take: (request: IncomingMessage, response: ServerResponse) => void
  /** Without those that were handed over. */
  readonly maxSockets: number
  readonly unreadMs: number
  /** Budget for queued requests, over all connections. */
  readonly heads: BytePart
  readonly clock: Clock
}

/** A request that waits for the responses before it. */
interface QueuedRequest {
  readonly begin: () => void
  readonly bytes: number
}

interface Connection {
  readonly socket: Socket
  readonly queue: QueuedRequest[]
  heads: ByteLease | undefined
  /** The answer that is being made, or was made last. */
  latest: ServerResponse | undefined
  /** Sequence number of its last request, over all connections. */
  usedAt: number
  /** No further requests are accepted: the last response has been sent, or is the last in the queue. */
  last: boolean
  /** The last response has been sent; further input is discarded. */
  lingering: boolean
  /** Upgraded to another protocol; the app owns it. */
  handedOver: boolean
}

/**
 * The open connections of one port. Requests on a connection are handled one at a time, each after the previous
 * response was sent. Node.js alone would handle all pipelined requests at once, and one client could fill memory with
 * responses.
 * While requests are queued the socket is paused, so that TCP applies backpressure. At the connection limit, a
 * connection that waits for its client is closed to make space.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Map<Socket, Connection>()
  readonly #cuts: Record<CutReason, number> = { unread: 0, pipelining: 0, crowded: 0 }
  #handedOver = 0
  #refused = 0
  #uses = 0

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /** Connections closed by the server since the start, by reason. */
  get cuts(): Readonly<Record<CutReason, number>> {
    return this.#cuts
  }

  /** Connections refused because no other could be closed for them. */
  get refused(): number {
    return this.#refused
  }

  /** Registers a connection. Does nothing for one that Node.js emits again. */
  add(socket: Socket): void {
    if (this.#open.has(socket)) return
    const { maxSockets } = this.#options
    if (this.#open.size - this.#handedOver >= maxSockets && !this.#evict()) return this.reject(socket)
    const connection: Connection = {
      socket,
      queue: [],
      heads: undefined,
      latest: undefined,
      usedAt: ++this.#uses,
      last: false,
      lingering: false,
      handedOver: false,
    }
    this.#open.set(socket, connection)
    // Node.js removes its own listener when it hands a connection over (CONNECT, Upgrade).
    socket.on('error', () => undefined)
    // Node.js resumes the socket after each complete body.
    socket.on('resume', () => {
      if (connection.queue.length > 0) socket.pause()
    })
    // Node.js calls this after the last response. The default loses responses: see `lingerBeforeClose`.
    socket.destroySoon = () => this.#linger(connection)
    socket.on('close', () => {
      this.#open.delete(socket)
      if (connection.handedOver) this.#handedOver -= 1
      this.#clearQueue(connection)
    })
  }

  /** Counts a refused connection, and closes it. */
  reject(socket?: Socket): void {
    this.#refused += 1
    socket?.destroy()
  }

  /** Handles a request now, or queues it. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket)
    // Requests after a response that closes the connection are never answered, so they must not be executed.
    if (connection === undefined || connection.last || connection.socket.destroyed) return
    const { latest, queue } = connection
    if (latest?.shouldKeepAlive === false) return
    if (queue.length === 0 && (latest === undefined || latest.writableFinished))
      return this.#begin(connection, request, response)
    if (isChunked(request)) return this.#closeAfterQueue(connection, request)
    const begin = (): void => this.#begin(connection, request, response)
    this.#enqueue(connection, { begin, bytes: queuedBytes(request) })
  }

  /** Runs `begin` after all earlier responses, as the last thing on this connection. */
  handleLast(socket: Socket, begin: () => void): void {
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.last || socket.destroyed) return
    connection.last = true
    if (connection.queue.length === 0 && (connection.latest === undefined || connection.latest.closed))
      begin()
    else this.#enqueue(connection, { begin, bytes: 0 })
  }

  /** Starts a response; call it when the connection is free. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket)
    if (connection) this.#begin(connection, request, response)
  }

  /** Hands the connection to the app, once. It counts no more, and only the timeout for unread output still applies. */
  handOver(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection) connection.handedOver = true
    if (connection) this.#handedOver += 1
    socket.setTimeout(0)
  }

  /** Accepts requests again, after an ignored upgrade. */
  reopen(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection) connection.last = false
  }

  /** Whether no further request is accepted on this connection. */
  isEnding(socket: Socket): boolean {
    return this.#open.get(socket)?.last ?? true
  }

  /** The answer that is being made on a connection, or was made last. */
  latest(socket: Socket): ServerResponse | undefined {
    return this.#open.get(socket)?.latest
  }

  /** Closes each connection after its current response; requests pipelined behind it are not accepted. */
  disableKeepAlive(): void {
    for (const { latest } of this.#open.values())
      if (latest?.headersSent === false) latest.shouldKeepAlive = false
  }

  /** Call it periodically: starts the timeout of connections that have unread output. */
  limitUnreadTime(): void {
    for (const socket of this.#open.keys())
      if (socket.writableLength > 0 && !socket.timeout) socket.setTimeout(FIRST_TIMEOUT_MS)
  }

  /** Handles a timeout: idle, or response not read. */
  timeOut(socket: Socket): void {
    const connection = this.#open.get(socket)
    const unread = socket.writableLength > 0
    // Nothing is unread, and a response is in progress or another protocol is spoken: no limit applies here.
    const busy = connection?.handedOver || connection?.latest?.writableFinished === false
    if (!unread && !connection?.lingering && busy) socket.setTimeout(0)
    else if (unread && socket.timeout === FIRST_TIMEOUT_MS) socket.setTimeout(this.#options.unreadMs)
    else if (unread && connection) this.#cut(connection, 'unread')
    else socket.destroy()
  }

  /** Closes connections that never sent anything: Node.js counts them as busy. */
  closeUnused(): void {
    for (const { socket, latest } of this.#open.values())
      if (!latest && socket.bytesRead === 0) socket.destroy()
  }

  /** Resolves when all connections are closed. */
  async cutAll(): Promise<void> {
    const closed = [...this.#open.keys()].map(
      (socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve()).destroy()),
    )
    await Promise.all(closed)
  }

  #begin(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    connection.latest = response
    connection.usedAt = ++this.#uses
    this.#options.take(request, response)
  }

  #enqueue(connection: Connection, turn: QueuedRequest): void {
    const { queue, socket, latest } = connection
    const heads = (connection.heads ??= this.#options.heads.lease())
    if (queue.length >= MAX_PIPELINED || !heads.tryAcquire(heads.bytes + turn.bytes))
      return this.#cut(connection, 'pipelining')
    queue.push(turn)
    if (queue.length > 1) return
    socket.pause()
    latest?.once('close', () => this.#next(connection))
  }

  /**
   * Closes the connection after the queued responses, which tells the client to send the request again. Node.js keeps
   * each chunk of a chunked body as an object, ten thousand to a packet, so such a request cannot be queued.
   */
  #closeAfterQueue(connection: Connection, request: IncomingMessage): void {
    request.resume()
    connection.last = true
    this.#enqueue(connection, { begin: () => this.#linger(connection), bytes: 0 })
  }

  #next(connection: Connection): void {
    const { queue, socket } = connection
    if (connection.lingering || socket.destroyed) return this.#clearQueue(connection)
    const turn = queue.shift()
    if (turn === undefined) return
    connection.heads?.tryAcquire(connection.heads.bytes - turn.bytes)
    turn.begin()
    if (queue.length > 0) connection.latest?.once('close', () => this.#next(connection))
    else if (!connection.handedOver) socket.resume()
  }

  #clearQueue({ queue, heads }: Connection): void {
    queue.length = 0
    heads?.[Symbol.dispose]()
  }

  #linger(connection: Connection): void {
    if (connection.lingering) return
    connection.last = true
    connection.lingering = true
    this.#clearQueue(connection)
    lingerBeforeClose(connection.socket, this.#options.clock)
  }

  #cut({ socket }: Connection, why: CutReason): void {
    // Node.js emits all requests of a packet, even after the first one closed the connection.
    if (socket.destroyed) return
    this.#cuts[why] += 1
    socket.destroy()
  }

  /** Closes the least recently used connections that wait for their client, never one that waits for the server. */
  #evict(): boolean {
    const all = [...this.#open.values()].filter(({ socket, handedOver }) => !socket.destroyed && !handedOver)
    const idle = all.filter((connection) => connection.lingering || isIdle(connection))
    const victims = idle.length > 0 ? idle : all.filter(waitsForClient)
    victims.sort((one, other) => one.usedAt - other.usedAt)
    for (const connection of victims.slice(0, Math.ceil(this.#options.maxSockets / CLOSE_ONE_OF))) {
      this.#cut(connection, 'crowded')
      this.#open.delete(connection.socket)
    }
    return victims.length > 0
  }
}

/** It has no complete request that waits for a response. */
function isIdle({ latest, queue }: Connection): boolean {
  return queue.length === 0 && (latest === undefined || latest.writableFinished)
}

/** The client has to send the rest of its request, or read the rest of its response. */
function waitsForClient({ latest }: Connection): boolean {
  return latest !== undefined && (latest.writableEnded || !latest.req.complete)
}
