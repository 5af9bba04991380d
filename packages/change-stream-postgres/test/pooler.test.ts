import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { postgresSource } from '../src/index.ts'

/** A server that answers a log-in as PgBouncer does, which does not know `options`. */
async function openPooler(): Promise<{ readonly port: number } & AsyncDisposable> {
  const fields = 'SFATAL\0C08P01\0Munsupported startup parameter: options\0\0'
  const length = Buffer.alloc(4)
  length.writeUInt32BE(length.length + fields.length)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')) }
}

test('P14 a pooler in place of the server is named with the remedy', async () => {
  await using pooler = await openPooler()
  const { source, close } = postgresSource({
    uri: `postgres://reader:secret@127.0.0.1:${pooler.port}/`,
    appName: 'test',
    publication: 'freshet',
    collections: new Map([['products', 'string']]),
    clock: systemClock,
  })
  await expect(source.start(new AbortController().signal)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('unsupported startup parameter'),
    remedy: 'Connect to the server, not to a pooler.',
  })
  await close()
})
