import { request as plainRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Environment } from './cache-folder.ts'

/**
 * Settles when `url`'s host has answered anything at all within `withinMs`, directly or through the proxy that
 * `https_proxy` names. Asked before a download, since a machine that drops packets would make that wait for minutes.
 * @throws {Error} naming the host and what came instead.
 */
export async function assertReachable(url: URL, env: Environment, withinMs: number): Promise<void> {
  const proxy = env['https_proxy'] ?? env['HTTPS_PROXY']
  const signal = AbortSignal.timeout(withinMs)
  const ask = (): ClientRequest => {
    if (!proxy) return secureRequest(url, { method: 'HEAD', signal })
    return plainRequest(new URL(proxy), { method: 'CONNECT', path: `${url.hostname}:443`, signal })
  }
  await new Promise<void>((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      response.destroy()
      const refused = proxy !== undefined && response.statusCode !== 200
      if (refused) reject(new Error(`the proxy answered ${response.statusCode} for ${url.hostname}`))
      else resolve()
    }
    ask()
      .on('response', answered)
      .on('connect', answered)
      .on('error', (cause) => {
        const why = signal.aborted ? `no answer within ${withinMs} ms` : cause.message
        reject(new Error(`${url.hostname} cannot be reached: ${why}`, { cause }))
      })
      .end()
  })
}
