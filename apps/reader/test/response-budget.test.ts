import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { openReader, type OpenReader } from './support/open-reader.ts'

const MiB = 2 ** 20

/** More than the kernel buffers of an unread response. */
const large = 12 * MiB

function put(reader: OpenReader, key: string, body: string | Buffer): void {
  reader.replica.put(key, '{}')
  reader.replica.documents.set(key, { etag: '"0123456789012345678901"', body })
}

/** Sends a request and reads nothing of the response. */
function askSilently(reader: OpenReader, path: string): Socket {
  const socket = connect(Number(new URL(reader.service.url).port), '127.0.0.1')
  socket.on('error', () => undefined).pause()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  return socket
}

/** Sends a request and repeatedly reads a little of the response. */
function askSlowly(reader: OpenReader, path: string): Disposable & { readonly socket: Socket } {
  const socket = askSilently(reader, path)
  const timer = setInterval(() => socket.read(256 * 1024) ?? socket.read(), 100)
  return {
    socket,
    [Symbol.dispose]: () => {
      clearInterval(timer)
      socket.destroy()
    },
  }
}

async function figure(reader: OpenReader, name: string): Promise<number> {
  const metrics = await (await fetch(`${reader.service.managementUrl}/metrics`)).text()
  return Number(new RegExp(`^freshet_${name}\\{part="answers"\\} (\\d+)$`, 'm').exec(metrics)?.[1])
}

const taken = (reader: OpenReader): Promise<number> => figure(reader, 'in_flight_bytes')
const waiting = (reader: OpenReader): Promise<number> => figure(reader, 'in_flight_waiting')

const paths = ['/v1/products?ids=a', '/v1/products/a']

/** Capacity for one of the large responses. */
const argv = [`--in-flight-size=40MiB`]

test.each(paths)(
  'P9 an answer to %s waits while others are unread, and is 503 if none is read in time; small answers continue',
  async (path) => {
    await using reader = await openReader({ argv, fillWaitMs: 500 })
    put(reader, 'products/a', Buffer.alloc(large, 'a'))
    put(reader, 'products/small', '{"id":"small"}')
    using slow = askSlowly(reader, path)
    await eventually(async () => expect(await taken(reader)).toBeGreaterThanOrEqual(large))
    const refused = reader.ask(path)
    await eventually(async () => expect(await waiting(reader)).toBe(1))
    expect((await reader.ask('/v1/products/small')).status).toBe(200)
    expect((await reader.ask(path, { method: 'HEAD' })).status).toBe(200)
    expect((await refused).status).toBe(503)
    expect(await (await refused).json()).toMatchObject({ retryable: true })
    const next = reader.ask(path)
    slow[Symbol.dispose]()
    expect((await (await next).arrayBuffer()).byteLength).toBeGreaterThanOrEqual(large)
    await eventually(async () => expect(await taken(reader)).toBe(0))
  },
)

test.each(paths)(
  'P9 a client that reads nothing of an answer to %s is disconnected when others need the memory',
  async (path) => {
    await using reader = await openReader({ argv })
    put(reader, 'products/a', Buffer.alloc(large, 'a'))
    const silent = askSilently(reader, path)
    await eventually(async () => expect(await taken(reader)).toBeGreaterThanOrEqual(large))
    expect((await (await reader.ask(path)).arrayBuffer()).byteLength).toBeGreaterThanOrEqual(large)
    expect(await figure(reader, 'in_flight_ended_total')).toBe(1)
    let got = 0
    silent.on('data', (bytes: Buffer) => (got += bytes.length)).resume()
    await once(silent, 'close')
    expect(got).toBeLessThan(large)
    await eventually(async () => expect(await taken(reader)).toBe(0))
  },
)

test('P9 a single answer that exceeds the limit for all together has capacity if it is alone', async () => {
  await using reader = await openReader({ argv: ['--in-flight-size=1MiB'] })
  put(reader, 'products/a', Buffer.alloc(large, 'a'))
  const answer = await reader.ask('/v1/products/a')
  expect((await answer.arrayBuffer()).byteLength).toBe(large)
})

test('an answer sent in pieces has the same bytes', async () => {
  await using reader = await openReader()
  const body = Buffer.from(Array.from({ length: 3 * MiB }, (_, at) => at % 251))
  put(reader, 'products/a', body)
  for (const request of [reader.ask('/v1/products/a'), reader.ask('/v1/products/a')])
    expect(Buffer.from(await (await request).arrayBuffer()).equals(body)).toBe(true)
})
