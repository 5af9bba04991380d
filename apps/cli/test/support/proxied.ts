import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'

const preload = pathToFileURL(join(import.meta.dirname, 'as-with-env-proxy.mjs')).href

/**
 * A proxy that refuses everything and counts connections, with the environment of a shell that uses it for everything.
 */
export async function openProxy() {
  let connections = 0
  const server = createServer((_request, response) => void response.writeHead(502).end('from the proxy'))
  server.on('connect', (_request, socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']
  return {
    url,
    env: {
      ...Object.fromEntries(names.map((name) => [name, url])),
      NO_PROXY: '',
      no_proxy: '',
      NODE_USE_ENV_PROXY: '1',
      NODE_OPTIONS: `--import=${preload}`,
    },
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
