import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { uriThrough } from './uri-through.ts'

/** The direction in which bytes are held back. */
export type Direction = 'requests' | 'replies' | 'both'

/**
 * A TCP proxy on the loopback interface that can disturb connections between clients and one server. As in a real network,
 * bytes that are held back arrive late, or the connection ends; they are never lost. For MongoDB, use `uriThrough`, which adds
 * `directConnection=true` so that clients cannot bypass the proxy.
 */
export class CutProxy implements AsyncDisposable {
  readonly #server: Server
  #targetPort: number
  readonly #sockets = new Set<Socket>()
  readonly #held = new Set<Direction>()
  #wake: () => void = () => undefined
  #resumed: Promise<void> = Promise.resolve()
  #delayMs = 0
  #refusing = false
  #forwardedBytes = 0

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
    // One side may still be sending after the other has finished.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  /** Listens on a loopback port and forwards to `targetPort`. */
  static async open(targetPort: number): Promise<CutProxy> {
    const proxy = new CutProxy(targetPort)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Bytes forwarded in both directions. */
  get forwardedBytes(): number {
    return this.#forwardedBytes
  }

  /** The same MongoDB connection string, through this proxy. */
  uriThrough(uri: string): string {
    return uriThrough(uri, this.port)
  }

  /** Resets every connection and refuses new ones until `resume`. */
  cut(): void {
    this.#refusing = true
    for (const socket of this.#sockets) reset(socket)
  }

  /** Resets every connection and forwards new ones to another server, as if the address pointed elsewhere. */
  redirectTo(port: number): void {
    this.#targetPort = port
    for (const socket of this.#sockets) reset(socket)
  }

  /** Holds back all bytes until `resume`. Connections stay open, and new ones are accepted. */
  blackHole(direction: Direction = 'both'): void {
    if (this.#held.size === 0) {
      this.#resumed = new Promise((resolve) => {
        this.#wake = resolve
      })
    }
    this.#held.add(direction)
  }

  /** Delays every chunk; 0 turns the delay off. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Back to normal: forwards what was held back, in order, without delay, and accepts new connections. */
  resume(): void {
    this.#refusing = false
    this.#delayMs = 0
    this.#held.clear()
    this.#wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.resume()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    if (this.#refusing) return void client.resetAndDestroy()
    const server = createConnection({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      // An error is always followed by `close`, which is handled.
      socket.on('error', () => undefined)
    }
    void this.#forward(client, server, 'requests')
    void this.#forward(server, client, 'replies')
  }

  async #forward(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const chunk of from) {
        if (this.#delayMs > 0) await sleep(this.#delayMs)
        while (this.#held.has(direction) || this.#held.has('both')) await this.#resumed
        this.#forwardedBytes += chunk.length
        if (!to.write(chunk)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve))
      }
      to.end()
    } catch {
      // One side has closed; its `close` event closes the other.
    }
  }
}

/** Node.js never closes the handle of a socket that is reset after `end`: the system refuses to reset after a shutdown. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
