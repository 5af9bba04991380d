import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An answer of a reader, which a liar may change. */
export interface Told {
  readonly status: number
  /** Names in lower case; without connection headers. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A request. */
export interface AskedFor {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The number of this request to this liar, from 1. */
  readonly turn: number
}

/**
 * Falsifies an answer of the real reader or returns it unchanged. Returns `undefined` if it responds by itself or not
 * at all.
 */
export type Lie = (
  told: Told,
  asked: AskedFor,
  response: ServerResponse,
) => Told | undefined | Promise<Told | undefined>

const passedOn = ['etag', 'freshet-position', 'content-type', 'age', 'cache-status', 'content-length']

/** A proxy in front of a real reader that lies. */
export async function openLiar(reader: string, lie: Lie) {
  let turn = 0
  let lies = 0
  const server = createServer((incoming, response) => {
    const asked = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
      turn: (turn += 1),
    }
    void (async () => {
      const real = await askReal(reader, asked)
      const told = await lie(real, asked, response)
      if (told !== real) lies += 1
      if (told === undefined) return
      const { 'content-length': _, ...headers } = told.headers
      // The Content-Length of a HEAD is part of the answer; otherwise it follows from the body.
      const length = asked.method === 'HEAD' ? told.headers['content-length'] : String(told.body.length)
      if (told.status !== 304 && length !== undefined) response.setHeader('content-length', length)
      response.writeHead(told.status, headers).end(told.body)
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Whether it was asked and has lied often enough to be detected. */
    wasRevealed: () => turn > 40 && lies > 2,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function askReal(reader: string, { method, url, headers }: AskedFor): Promise<Told> {
  return new Promise((resolve, reject) => {
    const { host: _, connection: __, ...others } = headers
    const asking = request(`${reader}${url}`, { method, headers: others }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const kept = passedOn.flatMap((name) => {
          const value = answer.headers[name]
          return typeof value === 'string' ? [[name, value] as const] : []
        })
        resolve({
          status: answer.statusCode ?? 0,
          headers: Object.fromEntries(kept),
          body: Buffer.concat(chunks),
        })
      })
    })
    asking.on('error', reject)
    asking.end()
  })
}
