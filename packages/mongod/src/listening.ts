import { connect } from 'node:net'

/**
 * Resolves if the address accepts a TCP connection within `withinMs`. Used before a download, which would otherwise wait for
 * minutes if packets are dropped.
 * @throws {Error} with the host and the reason.
 */
export async function assertListening(host: string, port: number, withinMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string, cause?: Error): void => {
      socket.destroy()
      reject(new Error(`${host} cannot be reached: ${why}`, { cause }))
    }
    const socket = connect({ host, port, autoSelectFamily: true })
    const late = setTimeout(() => fail(`no answer within ${withinMs} ms`), withinMs)
    socket.once('close', () => clearTimeout(late))
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    // If several addresses were tried, the error itself has no message.
    socket.once('error', (cause) => fail(cause.message || String(cause), cause))
  })
}
