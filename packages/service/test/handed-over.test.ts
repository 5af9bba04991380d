import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { openShell, RawClient } from './open-shell.ts'

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const connect = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'
const upgrade = (line: string, more = ''): string =>
  `${line} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n${more}\r\n`

/** Answers with the request. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  response.end(`[${request.method} ${request.url} ${body}]`)
}

/** A handler that lets the test complete each answer. */
function held() {
  const taken: ServerResponse[] = []
  return { taken, handle: (_: unknown, response: ServerResponse): void => void taken.push(response) }
}

test('CONNECT is answered like any request, and is the last of its connection', async () => {
  const { taken, handle } = held()
  await using bench = await openShell(handle)
  using tunnel = new RawClient(bench.url)
  tunnel.send(connect + get())
  await eventually(() => expect(taken).toHaveLength(1))
  expect(taken[0]?.req.method).toBe('CONNECT')
  taken[0]?.setHeader('allow', 'GET').end('no')
  expect(await tunnel.untilClosed()).toMatch(/^HTTP\/1\.1 200 [^]*allow: GET[^]*connection: close[^]*no$/i)
  expect(taken).toHaveLength(1)
})

test.each([
  ['a refused request', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a request that is answered at once', get(), /^HTTP\/1\.1 200 [^]*200 /],
  ['an unknown expectation', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n', /^HTTP\/1\.1 417 /],
  ['an Upgrade', upgrade('GET /'), /^HTTP\/1\.1 200 [^]*200 /],
])('CONNECT in one packet after %s waits for its turn', async (_, first, answers) => {
  await using bench = await openShell((__, response) => void response.end('ok'))
  using client = new RawClient(bench.url)
  client.send(first + connect)
  expect(await client.untilClosed()).toMatch(answers)
  await eventually(() => expect(bench.shell.openSockets).toBe(0))
})

test('CONNECT after a slow request waits for its turn', async () => {
  const { taken, handle } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(get('/1') + get('/2') + connect)
  await eventually(() => expect(taken).toHaveLength(1))
  taken[0]?.end('one')
  await eventually(() => expect(taken).toHaveLength(2))
  taken[1]?.end('two')
  await eventually(() => expect(taken).toHaveLength(3))
  taken[2]?.end('three')
  expect(await client.untilClosed()).toMatch(/one[^]*two[^]*three$/)
})

test.each([
  ['CONNECT', connect],
  ['an Upgrade', upgrade('GET /')],
])(
  'a client that resets its connection after %s, or after what it waits for, crashes nothing',
  async (_, last) => {
    const { taken, handle } = held()
    await using bench = await openShell(handle)
    for (const before of ['', get('/1'), 'GET / HTTP/1.1\r\n\r\n'])
      for (let tries = 0; tries < 20; tries++) {
        using client = new RawClient(bench.url)
        client.send(before + last)
        const known = taken.length
        if (before === get('/1') || before === '')
          await eventually(() => expect(taken.length).toBeGreaterThan(known))
        client.socket.resetAndDestroy()
        for (const response of taken.splice(0)) response.end('x'.repeat(100_000))
      }
    await eventually(() => {
      for (const response of taken.splice(0)) response.end()
      expect(bench.shell.openSockets).toBe(0)
    })
  },
)

test('an Upgrade is answered as if it had not been requested, with its body and what follows', async () => {
  await using bench = await openShell(echo)
  using client = new RawClient(bench.url)
  client.send(upgrade('POST /1', 'Content-Length: 3\r\n') + 'abc' + upgrade('GET /2') + get('/3'))
  await eventually(() => expect(client.text).toMatch(/\[POST \/1 abc\][^]*\[GET \/2 \][^]*\[GET \/3 \]$/))
  // The connection is as good as before.
  client.send(get('/4'))
  await eventually(() => expect(client.text).toContain('[GET /4 ]'))
  expect(client.text).not.toMatch(/connection: close/i)
  expect(bench.shell.openSockets).toBe(1)
})

test('an Upgrade keeps the other headers of its request', async () => {
  const seen: IncomingMessage[] = []
  await using bench = await openShell((request, response) => {
    seen.push(request)
    response.end()
  })
  using client = new RawClient(bench.url)
  client.socket.write(
    Buffer.from(
      'GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nX-Odd: \xe9\r\n\r\n',
      'latin1',
    ),
  )
  expect(await client.untilClosed()).toMatch(/connection: close/i)
  expect(seen.map(({ url, headers }) => ({ url, headers }))).toEqual([
    { url: '/a?b=%20', headers: { host: 'x', connection: 'close', 'x-odd': '\xe9' } },
  ])
})

test('an Upgrade after a slow request waits for its turn', async () => {
  const { taken, handle } = held()
  await using bench = await openShell(handle)
  using client = new RawClient(bench.url)
  client.send(get('/1') + upgrade('GET /2') + get('/3'))
  await eventually(() => expect(taken).toHaveLength(1))
  taken[0]?.end('one')
  await eventually(() => expect(taken).toHaveLength(2))
  taken[1]?.end('two')
  await eventually(() => expect(taken).toHaveLength(3))
  taken[2]?.end('three')
  await eventually(() => expect(client.text).toMatch(/one[^]*two[^]*three$/))
})

test('a handed-over connection that reads nothing of an earlier answer is closed', async () => {
  await using bench = await openShell((_, response) => void response.end(Buffer.alloc(64 * 2 ** 20)), {
    unreadMs: 100,
  })
  using client = new RawClient(bench.url)
  client.socket.pause()
  client.send(get() + connect)
  await eventually(() => expect(bench.shell.cuts.unread).toBe(1))
  await eventually(() => expect(bench.shell.openSockets).toBe(0))
})
