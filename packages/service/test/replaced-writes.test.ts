import { expect, test } from '@jest/globals'
import { ByteBudget, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { ServerResponse } from 'node:http'
import { createGzip } from 'node:zlib'
import { ResponseBudget } from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

type Middleware = (response: ServerResponse) => void

/** What Express's `compression` does: no callbacks, the encoder's return value, and its `drain` through `on`. */
function compress(response: ServerResponse): void {
  const gzip = createGzip()
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  const on = response.on.bind(response)
  const writeHead = response.writeHead.bind(response)
  const replaced = {
    writeHead: (status: number): ServerResponse =>
      writeHead(status, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }),
    write: (chunk: Buffer): boolean => gzip.write(chunk),
    end: (chunk?: Buffer): ServerResponse => {
      gzip.end(chunk)
      return response
    },
    on: (type: string, listener: (...values: unknown[]) => void): ServerResponse => {
      if (type === 'drain') gzip.on(type, listener)
      else on(type, listener)
      return response
    },
  }
  gzip.on('data', (chunk: Buffer) => {
    if (!write(chunk)) gzip.pause()
  })
  on('drain', () => gzip.resume())
  gzip.on('end', () => end())
  Object.assign(response, replaced)
}

/** A `write` that drops callbacks. @param result what it returns */
const dropping =
  (result: (written: boolean) => unknown): Middleware =>
  (response) => {
    const write = response.write.bind(response)
    Object.assign(response, { write: (chunk: Buffer) => result(write(chunk)) })
  }

const none: Middleware = () => undefined

async function openServer(bytes: Buffer, middleware: Middleware) {
  const part = new ByteBudget({ maxBytes: 2 ** 26, clock: systemClock }).part('responses')
  const budget = new ResponseBudget(part)
  const responses: ServerResponse[] = []
  const bench = await openShell((_request, response) => {
    responses.push(response)
    middleware(response)
    response.writeHead(200, { 'content-length': bytes.length })
    budget.end(response, bytes)
  })
  return { ...bench, part, responses, [Symbol.asyncDispose]: () => bench.shell.close(0) }
}

const text = 'abcdefgh'.repeat(2 ** 17)

test.each<[string, Middleware]>([
  ['no middleware', none],
  ['middleware that compresses', compress],
  ['a write without callbacks', dropping((written) => written)],
  ['a write that returns nothing', dropping(() => undefined)],
])('S14 a response of any size is sent completely with %s', async (_what, middleware) => {
  for (const size of [10, 256 * 1024, 256 * 1024 + 1, text.length]) {
    await using bench = await openServer(Buffer.from(text.slice(0, size)), middleware)
    const response = await fetch(bench.url)
    expect((await response.text()) === text.slice(0, size)).toBe(true)
    await eventually(() => expect(bench.part.takenBytes).toBe(0))
  }
})

test('S14 a large response waits for its client, counts until it is read, and is released when the client disconnects', async () => {
  const bytes = Buffer.alloc(2 ** 24, 'x')
  await using bench = await openServer(bytes, none)
  using slow = new RawClient(bench.url)
  slow.socket.pause()
  slow.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(bench.responses[0]?.writableNeedDrain).toBe(true))
  expect(bench.responses[0]?.writableLength).toBeLessThan(200_000)
  expect(bench.part.takenBytes).toBe(bytes.length)
  slow.socket.resume()
  await eventually(() => expect(slow.text.length).toBeGreaterThan(bytes.length))
  await eventually(() => expect(bench.part.takenBytes).toBe(0))
  using leaving = new RawClient(bench.url)
  leaving.socket.pause()
  leaving.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(bench.responses[1]?.writableNeedDrain).toBe(true))
  leaving.socket.destroy()
  await eventually(() => expect(bench.part.takenBytes).toBe(0))
})

test('S14 a response that the host app ends meanwhile is left alone', async () => {
  const bytes = Buffer.alloc(2 ** 24, 'x')
  await using bench = await openServer(bytes, none)
  using client = new RawClient(bench.url)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(bench.responses[0]?.writableNeedDrain).toBe(true))
  const [response] = bench.responses
  const errors: unknown[] = []
  response?.on('error', (error) => errors.push(error))
  response?.end()
  client.socket.resume()
  await eventually(() => expect(response?.writableFinished).toBe(true))
  response?.emit('drain')
  expect(errors).toEqual([])
  client.socket.destroy()
  await eventually(() => expect(bench.part.takenBytes).toBe(0))
})
