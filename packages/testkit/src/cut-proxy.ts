import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { uriThrough } from './uri-through.ts'

/** Which way bytes are held back: what the client sends, what the server answers, or both. */
export type Direction = 'requests' | 'replies' | 'both'

/**
 * A TCP connection that can be disturbed: stands between a client and one server on the loopback. Bytes are never lost
 * while held back, as in a real network: they arrive late, or the connection ends. A client must reach the server
 * through it alone: with MongoDB use `uriThrough`, which adds `directConnection=true`.
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
    // Half-open is kept: the other side may still have bytes under way when one side has said all.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  /** Opens a port on the loopback that leads to `targetPort`. */
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

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Bytes that went through, both ways together. */
  get forwardedBytes(): number {
    return this.#forwardedBytes
  }

  /** A connection string of MongoDB with one host, led through here. */
  uriThrough(uri: string): string {
    return uriThrough(uri, this.port)
  }

  /** Ends every connection at once and refuses new ones until `resume`. */
  cut(): void {
    this.#refusing = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Ends every connection, and new ones lead to another server: the same address, with something else behind it. */
  leadTo(port: number): void {
    this.#targetPort = port
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Nothing arrives any more, and nobody is told: connections stay open, new ones are taken. Until `resume`. */
  blackHole(direction: Direction = 'both'): void {
    if (this.#held.size === 0) {
      this.#resumed = new Promise((resolve) => {
        this.#wake = resolve
      })
    }
    this.#held.add(direction)
  }

  /** Every chunk waits this long before it goes on; 0 is none. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Back to normal: what was held back goes on in its order, new connections are taken, no delay. */
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
      // One side is gone; `close` ends the other.
    }
  }
}
