import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A reader that passes on what a real one answers, and changes one digit in every `each`-th answer with a body. */
export async function openLyingReader(reader: string, each: number) {
  let answered = 0
  let lies = 0
  const server = createServer((request, response) => {
    void (async () => {
      const { authorization } = request.headers
      const real = await fetch(`${reader}${request.url}`, { headers: authorization ? { authorization } : {} })
      const body = await real.text()
      answered += 1
      const lie = real.status === 200 && answered % each === 0 ? body.replace(/[0-8](?=\D*$)/, '9') : body
      if (lie !== body) lies += 1
      for (const name of ['etag', 'freshet-position', 'content-type']) {
        const value = real.headers.get(name)
        if (value !== null) response.setHeader(name, value)
      }
      response.writeHead(real.status).end(lie)
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lies: () => lies,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
