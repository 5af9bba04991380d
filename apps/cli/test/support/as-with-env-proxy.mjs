/**
 * Makes older versions of Node.js behave as `NODE_USE_ENV_PROXY=1` does since version 24: `fetch` and the global agents
 * of `node:http` use the proxy in `HTTP_PROXY`. No effect where Node.js does so itself.
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
