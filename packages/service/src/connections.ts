import type { ByteLease, BytePart, Clock } from '@freshet/kit'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { heldBytes, isChunked } from './held-bytes.ts'
import { lingerBeforeClose } from './linger.ts'

/** A client that sends more requests than this ahead of its answers is cut off. */
const MAX_AHEAD = 100

/** Of so many connections one is closed when all places are taken: to look for them costs more than to close them. */
const CLOSE_ONE_OF = 100

/**
 * The first time-out of a connection comes after so many milliseconds. Node.js lets a time-out pass when less waits to
 * be taken than at the last one, and the first is compared with the moment of writing, of which the system takes a part
 * at once: https://github.com/nodejs/node/blob/v24.0.0/lib/net.js (`_onTimeout`).
 */
const FIRST_LOOK_MS = 1

/** Why connections were cut from this side. */
export type Cut = 'unread' | 'pipelining' | 'crowded'

/** What {@link Connections} are made of. */
export interface ConnectionsOptions {
  readonly take: (request: IncomingMessage, response: ServerResponse) => void
  readonly maxSockets: number
  /** How long a client may take nothing of an answer, in milliseconds. */
  readonly unreadMs: number
  /** The bytes of requests that wait for their turn, on all connections together. */
  readonly heads: BytePart
  readonly clock: Clock
}

/** Something that has to wait for the answers before it. */
interface Turn {
  readonly begin: () => void
  readonly bytes: number
}

/** One open connection. */
interface Connection {
  readonly socket: Socket
  readonly turns: Turn[]
  /** The bytes of its turns. */
  heads: ByteLease | undefined
  /** The answer that is being made, or was made last. */
  newest: ServerResponse | undefined
  /** Grows with each request that is taken, over all connections. */
  usedAt: number
  /** No request that comes from now on is taken: the answer to the last one was sent, or is the last turn. */
  last: boolean
  /** The last answer has left, and what still comes is dropped. */
  lingering: boolean
  /** It speaks another protocol now, and belongs to the app. */
  handedOver: boolean
}

/**
 * The open connections of one port. The requests of one are taken one by one, each when the answer to the one before
 * has left: Node.js alone would take all that came in one packet, and one client could fill the memory with answers.
 * While something waits for its turn nothing is read, so that the client is held by TCP. When all places are taken, a
 * connection that waits for its client is closed for a new one.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Map<Socket, Connection>()
  readonly #cuts: Record<Cut, number> = { unread: 0, pipelining: 0, crowded: 0 }
  #refused = 0
  #uses = 0

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /** How many were cut, since the start. */
  get cuts(): Readonly<Record<Cut, number>> {
    return this.#cuts
  }

  /** How many were refused because no other could be closed for them. */
  get refused(): number {
    return this.#refused
  }

  /** A new connection; one that Node.js had handed over and is given back stays as it is. */
  add(socket: Socket): void {
    if (this.#open.has(socket)) return
    if (this.#open.size >= this.#options.maxSockets && !this.#makeRoom()) return this.refuse(socket)
    const connection: Connection = {
      socket,
      turns: [],
      heads: undefined,
      newest: undefined,
      usedAt: ++this.#uses,
      last: false,
      lingering: false,
      handedOver: false,
    }
    this.#open.set(socket, connection)
    // Node.js takes its own listener away when it hands a connection over (CONNECT, Upgrade).
    socket.on('error', () => undefined)
    // The body of a request that has come whole makes Node.js read on.
    socket.on('resume', () => {
      if (connection.turns.length > 0) socket.pause()
    })
    // What Node.js calls behind the last answer. Its own way loses answers: see `lingerBeforeClose`.
    socket.destroySoon = () => this.#linger(connection)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#forget(connection)
    })
  }

  /** Counts a connection that cannot be had, and closes it. */
  refuse(socket?: Socket): void {
    this.#refused += 1
    socket?.destroy()
  }

  /** Takes a request, at once or in its turn. */
  offer(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket)
    // What is behind an answer that ends its connection will never be answered, so it must not be done either.
    if (connection === undefined || connection.last || connection.socket.destroyed) return
    const { newest, turns } = connection
    if (newest?.shouldKeepAlive === false) return
    if (turns.length === 0 && (newest === undefined || newest.writableFinished))
      return this.#begin(connection, request, response)
    if (isChunked(request)) return this.#endBefore(connection, request)
    const begin = (): void => this.#begin(connection, request, response)
    this.#wait(connection, { begin, bytes: heldBytes(request) })
  }

  /** Begins something else than a request of Node.js when all answers before it have left. It is the last turn. */
  offerLast(socket: Socket, begin: () => void): void {
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.last || socket.destroyed) return
    connection.last = true
    if (connection.turns.length === 0 && (connection.newest === undefined || connection.newest.closed))
      begin()
    else this.#wait(connection, { begin, bytes: 0 })
  }

  /** Makes an answer; call it in its turn. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket)
    if (connection) this.#begin(connection, request, response)
  }

  /** It belongs to the app from now on: it has no limit of time but for taking what it is sent, and is not closed for others. */
  handOver(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection) connection.handedOver = true
    socket.setTimeout(0)
  }

  /** A connection that Node.js had handed over is given back: requests are taken again. */
  reopen(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection) connection.last = false
  }

  /** No request is taken any more on a connection. */
  isEnding(socket: Socket): boolean {
    return this.#open.get(socket)?.last ?? true
  }

  /** The answer that is being made on a connection, or was made last. */
  newest(socket: Socket): ServerResponse | undefined {
    return this.#open.get(socket)?.newest
  }

  /** Each answer ends its connection, those too that are on their way; what came ahead of it is not taken any more. */
  keepNone(): void {
    for (const { newest } of this.#open.values())
      if (newest?.headersSent === false) newest.shouldKeepAlive = false
  }

  /** Call it now and then: whoever takes nothing of an answer from then on, for as long as that may be, is cut off. */
  limitUnread(): void {
    for (const socket of this.#open.keys())
      if (socket.writableLength > 0 && !socket.timeout) socket.setTimeout(FIRST_LOOK_MS)
  }

  /** The time of a connection is over: that for its next request, or that for taking its answer. */
  timeOut(socket: Socket): void {
    const connection = this.#open.get(socket)
    const unread = socket.writableLength > 0
    // All was taken, and the answer to what came ahead is being made, or another protocol is spoken: that has no limit here.
    const atWork = connection?.handedOver || connection?.newest?.writableFinished === false
    if (!unread && !connection?.lingering && atWork) socket.setTimeout(0)
    else if (unread && socket.timeout === FIRST_LOOK_MS) socket.setTimeout(this.#options.unreadMs)
    else if (unread && connection) this.#cut(connection, 'unread')
    else socket.destroy()
  }

  /** Node.js counts a connection on which nothing was ever sent as busy. */
  closeUnused(): void {
    for (const { socket, newest } of this.#open.values())
      if (!newest && socket.bytesRead === 0) socket.destroy()
  }

  /** Settles when all are closed. */
  async cutAll(): Promise<void> {
    const closed = [...this.#open.keys()].map(
      (socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve()).destroy()),
    )
    await Promise.all(closed)
  }

  #begin(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    connection.newest = response
    connection.usedAt = ++this.#uses
    this.#options.take(request, response)
  }

  #wait(connection: Connection, turn: Turn): void {
    const { turns, socket, newest } = connection
    const heads = (connection.heads ??= this.#options.heads.lease())
    if (turns.length >= MAX_AHEAD || !heads.tryAcquire(heads.bytes + turn.bytes))
      return this.#cut(connection, 'pipelining')
    turns.push(turn)
    if (turns.length > 1) return
    socket.pause()
    newest?.once('close', () => this.#next(connection))
  }

  /**
   * Of a body in chunks Node.js keeps each chunk as an object, and a packet holds ten thousand: it cannot wait for its
   * turn. The connection closes behind the answers before it, which tells the client to send the request again.
   */
  #endBefore(connection: Connection, request: IncomingMessage): void {
    request.resume()
    connection.last = true
    this.#wait(connection, { begin: () => this.#linger(connection), bytes: 0 })
  }

  #next(connection: Connection): void {
    const { turns, socket } = connection
    if (connection.lingering || socket.destroyed) return this.#forget(connection)
    const turn = turns.shift()
    if (turn === undefined) return
    connection.heads?.tryAcquire(connection.heads.bytes - turn.bytes)
    turn.begin()
    if (turns.length > 0) connection.newest?.once('close', () => this.#next(connection))
    else if (!connection.handedOver) socket.resume()
  }

  #forget({ turns, heads }: Connection): void {
    turns.length = 0
    heads?.[Symbol.dispose]()
  }

  #linger(connection: Connection): void {
    if (connection.lingering) return
    connection.last = true
    connection.lingering = true
    this.#forget(connection)
    lingerBeforeClose(connection.socket, this.#options.clock)
  }

  #cut({ socket }: Connection, why: Cut): void {
    // Of one packet Node.js makes all requests, although the connection was cut by the first.
    if (socket.destroyed) return
    this.#cuts[why] += 1
    socket.destroy()
  }

  /** Closes some of those that wait for their clients, longest unused first; whoever waits for us is kept. */
  #makeRoom(): boolean {
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

/** No request has come whole and waits for its answer. */
function isIdle({ newest, turns }: Connection): boolean {
  return turns.length === 0 && (newest === undefined || newest.writableFinished)
}

/** It could send the rest of its request, or take the rest of its answer. */
function waitsForClient({ newest }: Connection): boolean {
  return newest !== undefined && (newest.writableEnded || !newest.req.complete)
}
