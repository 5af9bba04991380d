import { connect } from 'node:net'

/**
 * Settles when somebody takes a connection at this address within `withinMs`. Asked before a download, since a machine
 * that drops packets would make that wait for minutes. No more is asked: how to speak there is the downloader's to know.
 * @throws {Error} naming the host and what came instead.
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
    // When several addresses of a name were tried, the message is that of none.
    socket.once('error', (cause) => fail(cause.message || String(cause), cause))
  })
}
