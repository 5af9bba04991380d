import { connect, createServer, type Socket } from 'node:net'

export interface SplitAddressOptions {
  /** So many connections lead to one server, then as many to the next. If it does not accept, they lead to one that does. */
  readonly each: number
  /** What is sent to a server instead. */
  readonly rewrite?: (bytes: Buffer) => Buffer
}

/**
 * A proxy on the loopback interface that leads each connection to one of several ports that accepts it, like a name that is being
 * changed, or a proxy that does not know which server is the primary.
 */
export async function splitAddress(
  ports: readonly number[],
  { each, rewrite = (bytes) => bytes }: SplitAddressOptions,
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
      }
      client.on('data', (bytes) => server.write(rewrite(bytes)))
      server.pipe(client)
    })
  }
  let opened = -1
  const proxy = createServer((client) => {
    const first = Math.floor((opened += 1) / each) % ports.length
    join(client, [...ports.slice(first), ...ports.slice(0, first)])
  })
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

/** What `packages/postgres-client` asks each server. */
const question = /select system_identifier::text,[^\0]*from pg_control_system\(\)/

/** Lets all servers of PostgreSQL say that they are the same one. For negative controls. */
export const asIfAlike = replacing(question, `select '1', '1', '1', 'on'`)

/** Rewrites text that is sent in one piece. The replacement is filled up with spaces, since lengths are sent too. */
export function replacing(pattern: RegExp, by: string): (bytes: Buffer) => Buffer {
  return (bytes) =>
    Buffer.from(
      bytes.toString('latin1').replace(pattern, (text) => by.padEnd(text.length)),
      'latin1',
    )
}
