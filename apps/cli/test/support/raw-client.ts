import { connect, type Socket } from 'node:net'
import { answerIn, type Got } from './answer.ts'

/** A request, sent as is; the path is not normalized. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

/** Nothing may take longer: services wait for at most 30 s, and a busy machine takes some time too. */
const HANGS_AFTER_MS = 120_000

/**
 * A client of a service, with one connection. `fetch` would normalize paths and methods, and takes most of the time of
 * many thousand requests.
 */
export class RawClient {
  readonly #url: URL
  readonly #alter: (got: Got) => Got
  #open: Socket | undefined

  /** @param alter changes each answer, to simulate a lying service */
  constructor(url: string, alter: (got: Got) => Got = (got) => got) {
    this.#url = new URL(url)
    this.#alter = alter
  }

  /** @throws {Error} if there is no answer */
  async send(sent: Sent): Promise<Got> {
    return this.#alter(await this.#answerTo(sent))
  }

  #answerTo(sent: Sent): Promise<Got> {
    const socket = this.#connection()
    return new Promise((resolve, reject) => {
      let bytes: Buffer = Buffer.alloc(0)
      const over = (): void => {
        socket.setTimeout(0).off('data', take).off('close', gone).off('timeout', late)
      }
      const fail = (error: Error): void => {
        over()
        socket.destroy()
        reject(error)
      }
      const read = (ended: boolean): void => {
        try {
          const answer = answerIn(bytes, sent.method, ended)
          if (answer === undefined) return ended ? fail(new Error('it ended without an answer')) : undefined
          over()
          if (answer.closes) this.#end(socket)
          resolve(answer.got)
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
        }
      }
      const take = (chunk: Buffer): void => {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
        read(false)
      }
      const gone = (): void => read(true)
      const late = (): void => fail(new Error(`no answer within ${HANGS_AFTER_MS} ms`))
      socket.setTimeout(HANGS_AFTER_MS).on('data', take).on('close', gone).on('timeout', late)
      socket.write(bytesOf(sent, this.#url.host))
    })
  }

  #connection(): Socket {
    if (this.#open !== undefined) return this.#open
    const { hostname, port } = this.#url
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    // Followed by `close`.
    socket.on('error', () => undefined).on('close', () => this.#end(socket))
    return (this.#open = socket)
  }

  /** The next request uses a new connection. */
  #end(socket: Socket): void {
    if (this.#open === socket) this.#open = undefined
    socket.end()
  }

  close(): void {
    this.#open?.destroy()
  }
}

/** Methods for which a request without a body has no Content-Length. */
const BARE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

function bytesOf({ method, path, headers, body }: Sent, host: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (body !== undefined || !BARE.has(method))
    lines.push(`content-length: ${body === undefined ? 0 : Buffer.byteLength(body)}\r\n`)
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}\r\n`, 'latin1')
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)])
}
