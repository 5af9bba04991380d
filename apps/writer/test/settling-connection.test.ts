import { expect, test } from '@jest/globals'
import { MongoNetworkError } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { SettlingConnection } from '../src/store/mongodb/client.ts'

/** More than the loopback buffers take: Linux lets them grow to some megabytes. */
const large = { insert: 'products', documents: [{ text: 'x'.repeat(15_000_000) }] }

/** A socket to a server that never reads. */
async function openSilent(): Promise<{ socket: Socket } & AsyncDisposable> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  await once(server, 'listening')
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [peer] = await accepted
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      peer.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Resolves when the driver passes bytes to the socket. */
function handedOver(socket: Socket): Promise<void> {
  const write = socket.write.bind(socket)
  return new Promise((resolve) => {
    socket.write = (...args: unknown[]) => {
      resolve()
      return Reflect.apply(write, undefined, args)
    }
  })
}

/** The outcome of one large command over `Class` whose socket is destroyed before or after it is full. */
async function outcome(
  Class: typeof Connection,
  end: (socket: Socket) => void,
  compressor: 'none' | 'zlib' = 'none',
): Promise<unknown> {
  await using silent = await openSilent()
  const { socket } = silent
  const connection = new Class(socket, {
    generation: 0,
    id: 1,
    monitorCommands: false,
    compressors: ['zlib'],
  })
  Object.assign(connection, { hello: { maxWireVersion: 17, compression: [compressor] } })
  const written = handedOver(socket)
  const settled = connection.command({ db: 'shop' }, large, {}).catch((error: unknown) => error)
  // Compression continues in the background.
  if (compressor === 'none') await written
  end(socket)
  await Promise.all([written, once(socket, 'close').catch(() => undefined)])
  // By then, everything triggered by the end of the socket has run.
  return await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, 'never settles'))])
}

const reset = () => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })

test('a write that waits for a full socket fails with a network error when the socket closes', async () => {
  expect(await outcome(SettlingConnection, (socket) => socket.destroy())).toBeInstanceOf(MongoNetworkError)
  const error = await outcome(SettlingConnection, (socket) => socket.destroy(reset()))
  expect(error).toBeInstanceOf(MongoNetworkError)
  expect(error).toMatchObject({ cause: reset() })
})

test('a write that is being compressed when its socket closes fails the same way', async () => {
  const error = await outcome(SettlingConnection, (socket) => socket.destroy(), 'zlib')
  expect(error).toBeInstanceOf(MongoNetworkError)
})

test('the driver alone does not do this: if this test fails, the workaround is no longer needed', async () => {
  expect(await outcome(Connection, (socket) => socket.destroy())).toBe('never settles')
  expect(await outcome(Connection, (socket) => socket.destroy(), 'zlib')).toBe('never settles')
  expect(await outcome(Connection, (socket) => socket.destroy(reset()))).not.toBeInstanceOf(MongoNetworkError)
})
