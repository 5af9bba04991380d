import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'

/** A server of NATS whose counts of what a consumer has still to read lag behind: one less than there is. Returns its port. */
export async function lateCounts(port: number, signal: AbortSignal): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    signal.addEventListener('abort', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream)
    upstream.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      const late = text.replace(/("num_pending":)([1-9])(?=[,}])/g, (_, name: string, digit: string) =>
        text.includes('consumer_info_response') ? `${name}${Number(digit) - 1}` : `${name}${digit}`,
      )
      client.write(Buffer.from(late, 'latin1'))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  signal.addEventListener('abort', () => server.close())
  const { port: own } = server.address() as AddressInfo
  return own
}
