import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A response. */
export interface Answer {
  readonly status: number
  /** Status line and headers. */
  readonly head: string
  readonly body: string
  /** Since the request was due, including the wait for a free connection. */
  readonly ms: number
}

const endOfHead = Buffer.from('\r\n\r\n')

/** One keep-alive connection with at most one request at a time. Servers close connections that sent nothing yet. */
class Connection {
  readonly #port: number
  #socket: Socket | undefined
  #received: Buffer[] = []
  #bytes = 0
  #expected = 0
  #resolve: ((answer: Buffer) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  constructor(port: number) {
    this.#port = port
  }

  exchange(request: Buffer): Promise<Buffer> {
    const socket = this.#socket?.writable ? this.#socket : this.#open()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      socket.write(request)
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1').setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    const fail = (error?: unknown): void =>
      this.#reject?.(error instanceof Error ? error : new Error('the server closed a connection'))
    socket.on('error', fail)
    socket.on('close', fail)
    this.#socket = socket
    return socket
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#bytes += chunk.length
    if (this.#expected === 0) {
      const all = Buffer.concat(this.#received)
      const head = all.indexOf(endOfHead)
      if (head < 0) return
      const length = /\r\ncontent-length: ?(\d+)/i.exec(all.toString('latin1', 0, head))
      if (!length) return this.#fail(`no length: ${all.toString()}`)
      this.#expected = head + endOfHead.length + Number(length[1])
    }
    if (this.#bytes < this.#expected) return
    if (this.#bytes > this.#expected) return this.#fail('more than one answer to a request')
    const [first = chunk] = this.#received
    const answer = this.#received.length === 1 ? first : Buffer.concat(this.#received)
    this.#received = []
    this.#bytes = 0
    this.#expected = 0
    this.#resolve?.(answer)
  }

  #fail(message: string): void {
    this.#socket?.destroy(new Error(message))
  }
}

/** Clients over keep-alive connections to one server, which stay open between loads. */
export class Clients implements Disposable {
  readonly #all: readonly Connection[]
  readonly #free: Connection[]
  readonly #waiting: ((connection: Connection) => void)[] = []

  constructor(port: number, connections: number) {
    this.#all = Array.from({ length: connections }, () => new Connection(port))
    this.#free = [...this.#all]
  }

  /** Sends a number of requests, each connection one after the other. @throws {Error} another status. */
  async send(count: number, next: () => Buffer, status: number): Promise<void> {
    const expected = Buffer.from(`HTTP/1.1 ${status} `)
    let sent = 0
    const run = async (connection: Connection): Promise<void> => {
      while (sent < count) {
        sent++
        const answer = await connection.exchange(next())
        if (!answer.subarray(0, expected.length).equals(expected))
          throw new Error(`not ${status}: ${answer.toString()}`)
      }
    }
    await Promise.all(this.#all.map(run))
  }

  /** Sends requests at a constant rate, whether or not earlier ones were answered. */
  async sendEvenly(perSecond: number, seconds: number, next: () => Buffer): Promise<readonly Answer[]> {
    return await evenly(perSecond, seconds, () => this.ask(next()))
  }

  async ask(request: Buffer): Promise<Answer> {
    const dueMs = performance.now()
    const connection = this.#free.pop() ?? (await new Promise<Connection>((free) => this.#waiting.push(free)))
    const answer = await connection.exchange(request)
    const ms = performance.now() - dueMs
    const next = this.#waiting.shift()
    if (next) next(connection)
    else this.#free.push(connection)
    const end = answer.indexOf(endOfHead)
    const head = answer.toString('latin1', 0, end)
    return { status: Number(head.slice(9, 12)), head, body: answer.toString('utf8', end + 4), ms }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#all) connection.close()
  }
}

/** Calls `run` at a constant rate, whether or not earlier calls have ended. */
export async function evenly<T>(
  perSecond: number,
  seconds: number,
  run: (n: number) => Promise<T>,
): Promise<readonly T[]> {
  const running: Promise<T>[] = []
  const began = performance.now()
  for (let n = 0; n < perSecond * seconds; n++) {
    const early = began + (n * 1_000) / perSecond - performance.now()
    if (early > 1) await sleep(early)
    running.push(run(n))
  }
  return await Promise.all(running)
}

/** A request as bytes. */
export function requestOf(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Buffer {
  const all = { Host: '127.0.0.1', ...headers, ...(body !== '' && { 'Content-Length': `${body.length}` }) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n'))
}
