import { expect, jest, test } from '@jest/globals'
import type { Socket } from 'node:net'
import { eventually } from '@freshet/testkit'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { openShell, RawClient } from './open-shell.ts'

const none = { unread: 0, pipelining: 0, crowded: 0 }
const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

/** A handler that lets the test complete each answer. */
function held() {
  const taken: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = []
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    void taken.push({ request, response })
  const urls = (): readonly (string | undefined)[] => taken.map(({ request }) => request.url)
  return { taken, handle, urls }
}

test('the last of 200 headers is received, and one more is 431 instead of being dropped', async () => {
  await using bench = await openShell((request, response) => void response.end(request.headers['if-match']))
  const ask = (others: number): string =>
    `GET / HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(others)}If-Match: "v"\r\n\r\n`
  using client = new RawClient(bench.url)
  client.send(ask(198))
  await eventually(() => expect(client.text).toMatch(/^HTTP\/1\.1 200 [^]*"v"$/))
  client.text = ''
  client.send(ask(199))
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 431 [^]*Expected at most 200 headers/)
  using flood = new RawClient(bench.url)
  flood.send(ask(3_000))
  expect(await flood.untilClosed()).toMatch(/^HTTP\/1\.1 431 /)
})

test('requests that arrive together are handled one by one, each after the previous answer was sent', async () => {
  const { taken, handle, urls } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(get('/1') + get('/2') + get('/3'))
  await eventually(() => expect(urls()).toEqual(['/1']))
  taken[0]?.response.end('one')
  await eventually(() => expect(urls()).toEqual(['/1', '/2']))
  expect(client.text).toContain('one')
  client.send(get('/4'))
  taken[1]?.response.end('two')
  await eventually(() => expect(urls()).toEqual(['/1', '/2', '/3']))
  taken[2]?.response.end('three')
  await eventually(() => expect(urls()).toEqual(['/1', '/2', '/3', '/4']))
  taken[3]?.response.end('four')
  await eventually(() => expect(client.text).toMatch(/one[^]*two[^]*three[^]*four/))
  // The connection is as good as before.
  client.send(get('/5'))
  await eventually(() => expect(urls()).toHaveLength(5))
})

test('requests behind one that ends the connection are not executed', async () => {
  const { taken, handle, urls } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(`GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n${get('/behind')}`)
  await eventually(() => expect(urls()).toEqual(['/last']))
  taken[0]?.response.end('bye')
  expect(await client.untilClosed()).toContain('bye')
  expect(urls()).toEqual(['/last'])
})

test('nor are those behind a refusal that ends it, or behind any answer while the service drains', async () => {
  const urls: (string | undefined)[] = []
  await using bench = await openShell((request, response) => {
    urls.push(request.url)
    response.end('ok')
  })
  using refused = new RawClient(bench.url)
  refused.send(`GET / HTTP/1.1\r\n\r\n${get('/behind')}`)
  expect((await refused.untilClosed()).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
  using idle = new RawClient(bench.url)
  idle.send(get('/idle'))
  await eventually(() => expect(idle.text).toContain('ok'))
  bench.shell.drain()
  idle.send(get('/last') + get('/behind'))
  expect(await idle.untilClosed()).toMatch(/ok[^]*connection: close[^]*ok$/i)
  expect(urls).toEqual(['/idle', '/last'])
})

test('a client that pipelines more than a hundred requests is disconnected, and counted', async () => {
  const { handle, urls } = held()
  await using bench = await openShell(handle)
  using patient = new RawClient(bench.url)
  patient.send(get().repeat(101))
  using client = new RawClient(bench.url)
  client.send(get().repeat(1_398))
  await client.untilClosed()
  expect(bench.shell.cuts).toEqual({ ...none, pipelining: 1 })
  await eventually(() => expect(urls()).toHaveLength(2))
  await eventually(() => expect(bench.shell.openSockets).toBe(1))
})

test('a client that reads nothing of its answer is disconnected, one that reads it slowly is not', async () => {
  const much = Buffer.alloc(64 * 2 ** 20)
  await using bench = await openShell((_, response) => void response.end(much), { unreadMs: 2_000 })
  using silent = new RawClient(bench.url)
  silent.socket.pause()
  silent.send(get())
  using slow = new RawClient(bench.url)
  let bytes = 0
  slow.socket.on('data', (chunk: string) => {
    bytes += chunk.length
    slow.text = ''
    // It stops reading repeatedly, each time for less than the limit.
    slow.socket.pause()
    setTimeout(() => slow.socket.resume(), 1)
  })
  slow.send(get())
  await eventually(() => expect(bytes).toBeGreaterThanOrEqual(much.length))
  await eventually(() => expect(bench.shell.cuts).toEqual({ ...none, unread: 1 }))
  await eventually(() => expect(bench.shell.openSockets).toBe(1))
})

test('a client that reads nothing is disconnected after the limit, and not after twice as long', async () => {
  const sockets: Socket[] = []
  const unreadMs = 1_000
  await using bench = await openShell(
    ({ socket }, response) => {
      sockets.push(socket)
      response.end(Buffer.alloc(8 * 2 ** 20))
    },
    { unreadMs },
  )
  using silent = new RawClient(bench.url)
  silent.socket.pause()
  silent.send(get())
  await eventually(() => expect(sockets[0]?.timeout).toBe(unreadMs))
  // When Node.js mistakes a timeout for progress, it starts over without an event.
  const begunAnew = jest.spyOn(Object(sockets[0]), '_unrefTimer')
  await eventually(() => expect(bench.shell.cuts.unread).toBe(1))
  expect(begunAnew).not.toHaveBeenCalled()
})

test('an answer that takes long to produce is waited for, even behind one that was read slowly', async () => {
  const { taken, handle, urls } = held()
  await using bench = await openShell(handle, { unreadMs: 100 })
  using client = new RawClient(bench.url)
  client.socket.pause()
  client.send(get('/large') + get('/late'))
  await eventually(() => expect(urls()).toEqual(['/large']))
  taken[0]?.response.end(Buffer.alloc(16 * 2 ** 20))
  const { socket } = taken[0]?.request ?? {}
  await eventually(() => expect(socket?.timeout).toBe(100))
  client.socket.resume()
  await eventually(() => expect(urls()).toEqual(['/large', '/late']))
  // The limit of the first answer has expired meanwhile, and was cancelled.
  await eventually(() => expect(socket?.timeout ?? 0).toBe(0))
  taken[1]?.response.end('late')
  await eventually(() => expect(client.text.endsWith('late')).toBe(true))
})

test('bytes behind a complete request are refused after its answer', async () => {
  const { taken, handle } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(`${get()}garbage\r\n\r\n${get()}`)
  await eventually(() => expect(taken).toHaveLength(1))
  taken[0]?.response.end('written')
  const answer = await client.untilClosed()
  expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*writtenHTTP\/1\.1 400 [^]*connection: close/)
  expect(taken).toHaveLength(1)
})

test('a request that was answered before its body arrived gets no second answer', async () => {
  await using bench = await openShell(
    (_, response) => {
      response.statusCode = 405
      response.end()
    },
    { headersWithinMs: 50, bodyWithinMs: 100 },
  )
  using slow = new RawClient(bench.url)
  slow.send('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab')
  using broken = new RawClient(bench.url)
  broken.send('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await eventually(() => expect(broken.text).toContain('405'))
  broken.send('what?\r\n')
  for (const answer of [await slow.untilClosed(), await broken.untilClosed()])
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 405'])
})

test('an unknown expectation is 417 with a problem, and has the limits of every request', async () => {
  const { taken, handle } = held()
  await using bench = await openShell(handle)
  const hope = 'GET / HTTP/1.1\r\nHost: x\r\nExpect: the-best\r\n\r\n'
  using hopeful = new RawClient(bench.url)
  hopeful.send(hope)
  expect(await hopeful.untilClosed()).toMatch(/^HTTP\/1\.1 417 [^]*expectation-failed/)
  using patient = new RawClient(bench.url)
  patient.send(get('/1') + hope)
  await eventually(() => expect(taken).toHaveLength(1))
  taken[0]?.response.end('first')
  expect(await patient.untilClosed()).toMatch(/first[^]*417 [^]*expectation-failed/)
  using greedy = new RawClient(bench.url)
  greedy.send(get() + hope.repeat(10_000))
  expect(await greedy.untilClosed()).toBe('')
  expect(bench.shell.cuts).toEqual({ ...none, pipelining: 1 })
})

test('while a request waits for its turn nothing is read, so that TCP slows the client down', async () => {
  const { taken, handle, urls } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(get('/1'))
  await eventually(() => expect(urls()).toEqual(['/1']))
  const socket = taken[0]?.request.socket
  const many = 1_000
  const one = `GET /n HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(15_000)}\r\n\r\n`
  client.send(one.repeat(many))
  await eventually(() => expect(bench.heads.takenBytes).toBeGreaterThan(15_000))
  // The client is paused while most of it is unsent.
  await eventually(() => expect(client.socket.writableNeedDrain).toBe(true))
  const before = socket?.bytesRead
  expect(before).toBeLessThan(2 ** 18)
  await eventually(
    () => {
      for (const { response } of taken.splice(0)) response.end('n')
      expect(bench.shell.requests).toBe(1 + many)
    },
    { everyMs: 1 },
  )
  await eventually(() => expect(bench.heads.takenBytes).toBe(0))
  expect(bench.shell.cuts).toEqual(none)
})

test('the bytes of waiting requests have a common limit for all connections', async () => {
  const { taken, handle } = held()
  const headBytes = 200_000
  await using bench = await openShell(handle, { headBytes })
  const big = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(15_000)}\r\n\r\n`
  const clients = Array.from({ length: 20 }, () => new RawClient(bench.url))
  for (const client of clients) client.send(get() + big.repeat(3))
  await eventually(() => expect(bench.shell.cuts.pipelining).toBeGreaterThan(15))
  expect(bench.heads.takenBytes).toBeLessThanOrEqual(headBytes)
  for (const client of clients) client[Symbol.dispose]()
  // Nothing is read while something waits, so their disconnection is noticed with the next answer.
  await eventually(() => {
    for (const { response } of taken.splice(0)) response.end()
    expect(bench.shell.openSockets).toBe(0)
  })
  expect(bench.heads.takenBytes).toBe(0)
})

test('a chunked body does not wait for its turn: the connection ends after the answers before it', async () => {
  const { taken, handle, urls } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  const chunks = `POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(10_000)}`
  client.send(get('/1') + get('/2') + chunks)
  await eventually(() => expect(urls()).toEqual(['/1']))
  taken[0]?.response.end('one')
  await eventually(() => expect(urls()).toEqual(['/1', '/2']))
  taken[1]?.response.end('two')
  expect(await client.untilClosed()).toMatch(/one[^]*two$/)
  expect(urls()).toEqual(['/1', '/2'])
})
