import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import {
  Drain,
  Upgrades,
  type Claims,
  type UpgradeCall,
  type UpgradesOptions,
  type Verifier,
} from '../src/index.ts'
import { LogBook, openShell, RawClient } from './open-shell.ts'

const known: Claims = { sub: 'ann', roles: ['chat'], handlers: [], groups: [], expiresAt: 0, issuedAt: 0 }

const tokens: Verifier = {
  verify: (header) => {
    if (header === 'ann') return Promise.resolve(known)
    throw new ProblemError('unauthenticated', { detail: 'no token' })
  },
}

/** A port whose path `/chat/{room}` echoes what it receives, using npm `ws`. */
async function openChat(
  changed: Partial<UpgradesOptions> & { readonly maxSockets?: number; readonly unreadMs?: number } = {},
) {
  const log = new LogBook()
  const drain = new Drain(log, systemClock)
  const server = new WebSocketServer({ noServer: true })
  const calls: UpgradeCall[] = []
  const sockets: WebSocket[] = []
  const open = (call: UpgradeCall): void => {
    calls.push(call)
    server.handleUpgrade(call.request, call.socket, call.behind, (socket) => {
      sockets.push(socket)
      socket.on('message', (data) =>
        socket.send(
          `${call.claims?.sub} in ${call.parameters['room']}: ${Buffer.isBuffer(data) ? data.toString() : '?'}`,
        ),
      )
    })
  }
  const upgrades = new Upgrades({
    routes: [{ path: '/chat/{room}', protocol: 'websocket', who: 'role:chat', query: ['v'], open }],
    tokens,
    origins: ['https://shop.example'],
    maxOpen: 3,
    drain,
    log,
    ...changed,
  })
  const { maxSockets = 100, unreadMs = 30_000 } = changed
  const plain: IncomingMessage[] = []
  const bench = await openShell(
    (request, response) => {
      plain.push(request)
      response.end('plain')
    },
    { upgrades, maxSockets, unreadMs },
  )
  return {
    ...bench,
    upgrades,
    drain,
    calls,
    sockets,
    plain,
    upgradeLog: log,
    chat: `${bench.url.replace('http', 'ws')}/chat/lobby`,
    [Symbol.asyncDispose]: () => bench.shell.close(0),
  }
}

const asAnn = { headers: { authorization: 'ann' } }

/** A connected client. */
async function connected(url: string): Promise<WebSocket> {
  const client = new WebSocket(url, asAnn)
  await once(client, 'open')
  return client
}

/** The status and body of a refused handshake. */
async function refusal(url: string, options: object): Promise<readonly [number | undefined, unknown]> {
  const client = new WebSocket(url, options)
  client.on('error', () => undefined)
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return [response.statusCode, JSON.parse(text)]
}

const handshake = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: ann\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

test('S11 a third-party client is authorized by its token, and is connected on a path with parameters', async () => {
  await using bench = await openChat()
  const client = await connected(`${bench.chat}?v=1`)
  client.send('hello')
  const [answer] = (await once(client, 'message')) as [Buffer]
  expect(answer.toString()).toBe('ann in lobby: hello')
  expect([...(bench.calls[0]?.query ?? [])]).toEqual([['v', '1']])
  expect([bench.upgrades.size, bench.shell.openSockets]).toEqual([1, 1])
  client.close()
  await eventually(() => expect([bench.upgrades.size, bench.shell.openSockets]).toEqual([0, 0]))
})

test('S11 a refusal is answered as a problem, before the app has the connection', async () => {
  await using bench = await openChat()
  const { chat } = bench
  const pages = (origin: string): object => ({ ...asAnn, origin })
  expect(await refusal(chat, {})).toMatchObject([401, { detail: 'no token' }])
  expect(await refusal(`${chat}?x=1`, asAnn)).toMatchObject([
    400,
    { title: expect.stringContaining('query') },
  ])
  expect(await refusal(chat, pages('https://other.example'))).toMatchObject([
    403,
    { detail: /--cors-origins/ },
  ])
  expect(await refusal(chat, pages('null'))).toMatchObject([403, {}])
  using raw = new RawClient(bench.url)
  raw.send(handshake('/chat/lobby').replace('Host: x\r\n', ''))
  expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 400 /)
  expect(bench.calls).toEqual([])
  for (const origin of ['https://shop.example', bench.url]) {
    const client = new WebSocket(chat, pages(origin))
    await once(client, 'open')
    client.terminate()
  }
  expect([...bench.upgrades.refusals]).toEqual([
    ['unauthenticated', 1],
    ['bad-query', 1],
    ['forbidden', 2],
    ['bad-request', 1],
  ])
  await eventually(() => expect([bench.upgrades.size, bench.shell.openSockets]).toEqual([0, 0]))
})

test('S11 a request to upgrade is ignored where no route supports another protocol', async () => {
  await using bench = await openChat()
  for (const sent of [
    handshake('/chat'),
    handshake('/chat/lobby').replace('websocket', 'h2c'),
    handshake('/%zz'),
  ]) {
    using client = new RawClient(bench.url)
    client.send(sent)
    await eventually(() => expect(client.text).toMatch(/^HTTP\/1\.1 200 [^]*plain$/))
  }
  expect(bench.plain.map(({ headers }) => headers.upgrade)).toEqual([undefined, undefined, undefined])
})

test('S11 an error of the app is 500 and logged, and after its first byte the connection is cut', async () => {
  await using bench = await openChat({
    routes: [
      {
        path: '/{how}',
        protocol: 'websocket',
        who: 'public',
        open: ({ socket, parameters }) => {
          if (parameters['how'] === 'late') socket.write('hi')
          throw new Error('no')
        },
      },
    ],
  })
  using early = new RawClient(bench.url)
  early.send(handshake('/early'))
  expect(await early.untilClosed()).toMatch(/^HTTP\/1\.1 500 [^]*problem\+json/)
  using late = new RawClient(bench.url)
  late.send(handshake('/late'))
  expect(await late.untilClosed()).not.toContain('HTTP')
  expect(bench.upgradeLog.lines).toHaveLength(2)
})

test('S12 connections beyond the limit are 503, and so is each one during a drain', async () => {
  await using bench = await openChat({ maxOpen: 1 })
  const first = await connected(bench.chat)
  expect(await refusal(bench.chat, asAnn)).toMatchObject([503, { retryable: true }])
  first.terminate()
  await eventually(() => expect(bench.upgrades.size).toBe(0))
  const second = await connected(bench.chat)
  bench.drain.add({
    name: 'chat',
    drain: () => bench.sockets.forEach((socket) => socket.close(3001, 'shutdown')),
  })
  const closed = once(second, 'close')
  await bench.drain.run(1_000)
  const [code, reason] = (await closed) as [number, Buffer]
  expect([code, reason.toString()]).toEqual([3001, 'shutdown'])
  expect(await refusal(bench.chat, asAnn)).toMatchObject([
    503,
    { type: expect.stringContaining('not-ready') },
  ])
})

test('S12 an open connection is not closed to make room for others, however quiet it is', async () => {
  await using bench = await openChat({ maxSockets: 2 })
  const quiet = await connected(bench.chat)
  for (let times = 0; times < 5; times++) {
    using client = new RawClient(bench.url)
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually(() => expect(client.text).toContain('plain'))
    using other = new RawClient(bench.url)
    other.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually(() => expect(other.text).toContain('plain'))
  }
  quiet.send('still here')
  const [answer] = (await once(quiet, 'message')) as [Buffer]
  expect(answer.toString()).toContain('still here')
  quiet.terminate()
})

test('S12 a client that does not read is disconnected, as on every other connection', async () => {
  await using bench = await openChat({ unreadMs: 100 })
  using slow = new RawClient(bench.url)
  slow.send(handshake('/chat/lobby'))
  await eventually(() => expect(bench.sockets).toHaveLength(1))
  slow.socket.pause()
  bench.sockets[0]?.on('error', () => undefined)
  for (let times = 0; times < 20; times++) bench.sockets[0]?.send(Buffer.alloc(2 ** 20))
  await eventually(() => expect(bench.shell.cuts.unread).toBe(1))
  await eventually(() => expect(bench.upgrades.size).toBe(0))
})

test('S12 a handshake after other requests waits for its turn, and loses nothing that came with it', async () => {
  await using bench = await openChat()
  using client = new RawClient(bench.url)
  // A masked text frame: "hi" with a mask of zeros.
  const frame = '\x81\x82\0\0\0\0hi'
  client.socket.write(
    Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${handshake('/chat/lobby')}${frame}`, 'latin1'),
  )
  await eventually(() => expect(client.text).toMatch(/plain[^]*101 Switching Protocols[^]*ann in lobby: hi/))
})

test('S12 what a client sends during authorization is kept for the app', async () => {
  const asked: ((claims: Claims) => void)[] = []
  const slow: Verifier = { verify: () => new Promise((resolve) => asked.push(resolve)) }
  await using bench = await openChat({ tokens: slow })
  using client = new RawClient(bench.url)
  client.send(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${handshake('/chat/lobby')}`)
  await eventually(() => expect(asked).toHaveLength(1))
  client.socket.write(Buffer.from('\x81\x82\0\0\0\0hi', 'latin1'))
  // Others are answered, so it must have arrived by now.
  for (let times = 0; times < 5; times++) await (await fetch(bench.url)).text()
  asked[0]?.(known)
  await eventually(() => expect(client.text).toMatch(/101 Switching Protocols[^]*ann in lobby: hi/))
})

test('S12 only the origin in the form of browsers is that of this host', async () => {
  await using bench = await openChat({ maxOpen: 100 })
  const { host } = new URL(bench.url)
  for (const origin of [
    'null',
    `http://evil@${host}`,
    `ftp://${host}`,
    `http://${host}/page`,
    `HTTP://${host}`,
  ]) {
    const [status] = await refusal(bench.chat, { ...asAnn, origin })
    expect([origin, status]).toEqual([origin, 403])
  }
  for (const scheme of ['http', 'https']) {
    const client = new WebSocket(bench.chat, { ...asAnn, origin: `${scheme}://${host}` })
    await once(client, 'open')
    client.terminate()
  }
})

test('S12 connections of another protocol do not count as HTTP connections', async () => {
  await using bench = await openChat({ maxOpen: 3, maxSockets: 2 })
  const clients = [await connected(bench.chat), await connected(bench.chat), await connected(bench.chat)]
  expect((await fetch(bench.url)).status).toBe(200)
  expect((await refusal(bench.chat, asAnn))[0]).toBe(503)
  expect(bench.shell.droppedSockets).toBe(0)
  for (const client of clients) client.terminate()
  await eventually(() => expect(bench.upgrades.size).toBe(0))
  expect((await fetch(bench.url)).status).toBe(200)
})
