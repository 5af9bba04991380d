import { connect, createServer, type Socket } from 'node:net'

/**
 * A proxy on the loopback interface that leads each connection to the first of several ports that accepts it, as drivers do that
 * try hosts in order and ask no further. For negative controls.
 */
export async function firstThatAccepts(
  ports: readonly number[],
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>()
  const join = (client: Socket, [port, ...others]: readonly number[]): void => {
    if (port === undefined) return void client.destroy()
    const server = connect(port, '127.0.0.1')
    const tryNext = (): void => join(client, others)
    server.once('error', tryNext)
    server.once('connect', () => {
      server.off('error', tryNext)
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        sockets.add(one)
        // An error is always followed by `close`.
        one.on('error', () => undefined)
        one.once('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
  }
  const proxy = createServer((client) => join(client, ports))
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}
