import { Agent, request, type IncomingHttpHeaders } from 'node:http'

/** A request as it is sent; the path is not touched. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

/** An answer, read whole. */
export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Nothing may take longer: the longest wait of a service is 30 s. */
const HANGS_AFTER_MS = 45_000

/** One client of a service. `fetch` would put paths and methods right before it sends them. */
export class FuzzClient {
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #alter: (got: Got) => Got

  /** `alter`: what is made of each answer, where a service that lies is wanted. */
  constructor(url: string, alter: (got: Got) => Got = (got) => got) {
    this.#url = new URL(url)
    this.#alter = alter
  }

  /** @throws {Error} there is no answer */
  async send(sent: Sent): Promise<Got> {
    return this.#alter(await this.#answerTo(sent))
  }

  #answerTo({ method, path, headers, body }: Sent): Promise<Got> {
    const { hostname, port } = this.#url
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
      const sent = request(
        { hostname, port, method, path, headers: { ...length, ...headers }, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = []
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('error', reject)
            .on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                text: Buffer.concat(chunks).toString(),
              }),
            )
        },
      )
      sent.setTimeout(HANGS_AFTER_MS, () => sent.destroy(new Error(`no answer within ${HANGS_AFTER_MS} ms`)))
      sent.on('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
