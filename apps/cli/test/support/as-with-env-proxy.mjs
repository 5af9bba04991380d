/**
 * Does to a process of an older Node.js what `NODE_USE_ENV_PROXY=1` does to one of 24 or newer: `fetch` and the global
 * agents of `node:http` go to the proxy in `HTTP_PROXY`. Where Node.js does so by itself this changes nothing.
 */
import http from 'node:http'
import net from 'node:net'

if (!process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) {
  const { hostname, port } = new URL(process.env.HTTP_PROXY)
  const toProxy = () => net.connect(Number(port), hostname)
  http.globalAgent.createConnection = toProxy
  // https://github.com/nodejs/undici/blob/main/lib/global.js
  globalThis[Symbol.for('undici.globalDispatcher.1')] = {
    dispatch(_options, handler) {
      toProxy().on('error', () => undefined)
      queueMicrotask(() => handler.onError(new Error('it went to the proxy')))
      return true
    },
  }
}
