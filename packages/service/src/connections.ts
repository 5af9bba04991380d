import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A client that sends more requests than this ahead of its answers is cut off. */
const MAX_AHEAD = 100

type Take = (request: IncomingMessage, response: ServerResponse) => void

/** A request that came before the answers to those before it had left. */
interface Ahead {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Why connections were cut from this side. */
export type Cut = 'unread' | 'pipelining'

/**
 * The open connections of one port. The requests of one are taken one by one, each when the answer to the one before
 * has left: Node.js alone would take all that came in one packet, and one client could fill the memory with answers.
 */
export class Connections {
  readonly #take: Take
  /** Each with the answer that is being made, or was made last. */
  readonly #newest = new Map<Socket, ServerResponse | undefined>()
  readonly #ahead = new Map<Socket, Ahead[]>()
  readonly #cuts: Record<Cut, number> = { unread: 0, pipelining: 0 }

  constructor(take: Take) {
    this.#take = take
  }

  get size(): number {
    return this.#newest.size
  }

  /** How many were cut, since the start. */
  get cuts(): Readonly<Record<Cut, number>> {
    return this.#cuts
  }

  add(socket: Socket): void {
    this.#newest.set(socket, undefined)
    socket.once('close', () => {
      this.#newest.delete(socket)
      this.#ahead.delete(socket)
    })
  }

  sockets(): Iterable<Socket> {
    return this.#newest.keys()
  }

  /** The answer that is being made on a connection, or was made last. */
  newest(socket: Socket): ServerResponse | undefined {
    return this.#newest.get(socket)
  }

  /** Takes a request, at once or in its turn. */
  offer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const before = this.#newest.get(socket)
    const ahead = this.#ahead.size === 0 ? undefined : this.#ahead.get(socket)
    if (ahead === undefined && (before === undefined || before.writableFinished))
      return this.#begin(request, response)
    if (ahead === undefined) {
      this.#ahead.set(socket, [{ request, response }])
      before?.once('close', () => this.#next(socket))
    } else if (ahead.length < MAX_AHEAD) ahead.push({ request, response })
    else this.#cut(socket, 'pipelining')
  }

  /** Each answer ends its connection, those too that are on their way; what came ahead of it is not taken any more. */
  keepNone(): void {
    for (const response of this.#newest.values()) if (response) response.shouldKeepAlive = false
  }

  /** Call it now and then: whoever takes nothing of an answer for `withinMs` from then on is cut off. */
  limitUnread(withinMs: number): void {
    for (const socket of this.#newest.keys())
      if (socket.writableLength > 0 && !socket.timeout) socket.setTimeout(withinMs)
  }

  /** The time of a connection is over: that for its next request, or that for taking its answer. */
  timeOut(socket: Socket): void {
    const unread = socket.writableLength > 0
    // All was taken, and the answer to what came ahead is being made: that has no limit here.
    if (!unread && this.#newest.get(socket)?.writableFinished === false) socket.setTimeout(0)
    else if (unread) this.#cut(socket, 'unread')
    else socket.destroy()
  }

  /** Node.js counts a connection on which nothing was ever sent as busy. */
  closeUnused(): void {
    for (const [socket, response] of this.#newest) if (!response && socket.bytesRead === 0) socket.destroy()
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#newest.set(request.socket, response)
    this.#take(request, response)
  }

  #next(socket: Socket): void {
    const next = this.#ahead.get(socket)?.shift()
    // What is behind an answer that ends its connection will never be answered, so it must not be done either.
    if (next === undefined || socket.writableEnded || socket.destroyed) return void this.#ahead.delete(socket)
    next.response.once('close', () => this.#next(socket))
    this.#begin(next.request, next.response)
  }

  #cut(socket: Socket, why: Cut): void {
    this.#cuts[why] += 1
    socket.destroy()
  }
}
