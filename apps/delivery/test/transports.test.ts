import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { EventSource } from 'eventsource'
import { once } from 'node:events'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { offsetOf } from '../src/offset.ts'
import { openServer, textOf } from './support/real-server.ts'
import { EPOCH, SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'

interface Event {
  readonly type: string
  readonly data: {
    readonly id?: string
    readonly recovered?: boolean
    readonly code?: number
    readonly position?: string
  }
  readonly id: string
}

/** npm `eventsource`, which keeps what it hears. */
function listen(url: string, token: string, since?: string) {
  const heard: Event[] = []
  const codes: (number | undefined)[] = []
  const source = new EventSource(url, {
    fetch: (input, init) =>
      fetch(input, {
        ...init,
        headers: {
          ...init.headers,
          authorization: `Bearer ${token}`,
          ...(since !== undefined && heard.length === 0 && { 'last-event-id': since }),
        },
      }),
  })
  for (const type of ['message', 'connected', 'gap', 'position', 'end'])
    source.addEventListener(type, ({ data, lastEventId }) =>
      heard.push({ type, data: JSON.parse(String(data)), id: lastEventId }),
    )
  source.addEventListener('error', ({ code }) => codes.push(code))
  return { source, heard, codes, [Symbol.dispose]: () => source.close() }
}

const toAnn = { from: 'bob', to: { user: 'ann' } }

test('D51 npm eventsource hears its messages with their place, and what it missed when it comes back', async () => {
  await using server = await openServer()
  using one = listen(server.eventsUrl, tokenOf('ann'))
  await eventually(() =>
    expect(one.heard).toMatchObject([{ type: 'connected', id: `${EPOCH}:${offsetOf(SECOND, 0)}` }]),
  )
  const ids = [server.feed.message(toAnn).id]
  server.feed.message({ from: 'bob', to: { user: 'cem' } })
  await eventually(() => expect(one.heard.at(-1)?.data.id).toBe(ids[0]))
  expect(one.heard.at(-1)).toMatchObject({ type: 'message', id: `${EPOCH}:${offsetOf(SECOND, 1)}` })
  one.source.close()
  ids.push(server.feed.message(toAnn).id)
  using again = listen(server.eventsUrl, tokenOf('ann'), one.heard.at(-1)?.id)
  await eventually(() =>
    expect(again.heard).toMatchObject([
      { type: 'connected', data: { recovered: true } },
      { type: 'message', data: { id: ids[1] } },
    ]),
  )
})

test('D51 a stream that cannot be recovered begins with a gap', async () => {
  await using server = await openServer()
  for (const place of [`ffffffffffffffff:${offsetOf(SECOND, 0)}`, 'nonsense', `${EPOCH}:1`]) {
    using one = listen(server.eventsUrl, tokenOf('ann'), place)
    await eventually(() => expect(one.heard.map(({ type }) => type)).toEqual(['connected', 'gap']))
    expect(one.heard[1]?.data.position).toMatch(/^0a0b0c0d\./)
  }
})

test('D51 a page that was reloaded names its place in the query', async () => {
  await using server = await openServer()
  const { id } = server.feed.message(toAnn)
  using one = listen(`${server.eventsUrl}?since=${EPOCH}:${offsetOf(SECOND, 0)}`, tokenOf('ann'))
  await eventually(() =>
    expect(one.heard).toMatchObject([{ type: 'connected' }, { type: 'message', data: { id } }]),
  )
})

test('D51 a stream without a valid token is 401, and so is one that comes back with a token that expired', async () => {
  await using server = await openServer()
  for (const token of ['{}', tokenOf('ann', { expiresAt: 1 })]) {
    using one = listen(server.eventsUrl, token)
    await eventually(() => expect(one.codes).toEqual([401]))
    expect(one.source.readyState).toBe(2)
  }
  const { status, headers } = await fetch(server.eventsUrl)
  expect(status).toBe(401)
  expect(headers.get('www-authenticate')).toContain('Bearer')
})

test('D53 a ticket opens a stream without a header, for as long as it is good and the token behind it', async () => {
  await using server = await openServer()
  const now = Math.floor(Date.now() / 1_000)
  const ticketFor = async (token: string): Promise<Response> =>
    await fetch(`${server.url}/connection/ticket`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
  expect((await ticketFor('{}')).status).toBe(401)
  const answer = await ticketFor(tokenOf('ann', { issuedAt: now - 10 }))
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const { ticket } = (await answer.json()) as { readonly ticket: string }
  const source = new EventSource(`${server.eventsUrl}?ticket=${ticket}`)
  const heard: string[] = []
  source.addEventListener('message', ({ data }) => heard.push(String(JSON.parse(String(data)).id)))
  await once(source, 'open')
  await eventually(() => expect(server.delivery.figures().users).toBe(1))
  const { id } = server.feed.message(toAnn)
  await eventually(() => expect(heard).toEqual([id]))
  source.close()
  server.reads.notBefore.set('ann', now)
  await eventually(() => expect(server.delivery.figures().users).toBe(0))
  const open = async (): Promise<number> => (await fetch(`${server.eventsUrl}?ticket=${ticket}`)).status
  expect(await open()).toBe(401)
  server.reads.notBefore.clear()
  server.tickets.expired = true
  expect(await open()).toBe(401)
})

test('D51 a stream whose token is revoked ends with the reason, and is 401 when it comes back', async () => {
  await using server = await openServer()
  const now = Math.floor(Date.now() / 1_000)
  using one = listen(server.eventsUrl, tokenOf('ann', { issuedAt: now - 10 }))
  await eventually(() => expect(one.heard).toHaveLength(1))
  server.reads.notBefore.set('ann', now)
  server.feed.revoke('ann', now)
  await eventually(() => expect(one.heard.at(-1)).toMatchObject({ type: 'end', data: { code: 3_014 } }))
  await eventually(() => expect(one.codes.at(-1)).toBe(401))
  await eventually(() =>
    expect(server.delivery.figures()).toMatchObject({ connections: 0, users: 0, closes: { revoked: 1 } }),
  )
})

test('D51 the end of a client is seen, and nothing of it is kept', async () => {
  await using server = await openServer()
  using one = listen(server.eventsUrl, tokenOf('ann'))
  await eventually(() => expect(one.heard).toHaveLength(1))
  expect(server.delivery.figures()).toMatchObject({ connections: 1, users: 1 })
  one.source.close()
  await eventually(() =>
    expect(server.delivery.figures()).toMatchObject({
      connections: 0,
      users: 0,
      closes: { disconnected: 1 },
    }),
  )
})

/** A web-socket that has connected as Ann, and how it is closed. */
async function raw(url: string, options: object = {}) {
  const socket = new WebSocket(url, options)
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
  await once(socket, 'open')
  socket.send(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } }))
  await once(socket, 'message')
  return { socket, closed }
}

test('D40 frames of every length arrive whole, whatever they contain', async () => {
  await using server = await openServer()
  const { socket } = await raw(server.webSocketUrl)
  const frames: string[] = []
  socket.on('message', (data) => frames.push(textOf(data)))
  const receive = async (make: () => unknown): Promise<string> => {
    const count = frames.length + 1
    make()
    await eventually(() => expect(frames).toHaveLength(count))
    return frames.at(-1) ?? ''
  }
  const send = (body: string): Promise<string> => receive(() => server.feed.message({ ...toAnn, body }))
  expect(JSON.parse(await receive(() => socket.send('{"id":2,"strange":{}}')))).toMatchObject({ id: 2 })
  const { length: empty } = await send('')
  for (const bytes of [65_535, 65_536, 300_000])
    expect(await send('x'.repeat(bytes - empty))).toHaveLength(bytes)
  for (const text of ['café', 'Zürich 🙂', `${'x'.repeat(70_000)}ü`]) expect(await send(text)).toContain(text)
  socket.close()
})

test.each([
  ['a binary frame', (socket: WebSocket) => socket.send(Buffer.from('{}')), [3_501, 'bad request']],
  ['a frame that is not JSON', (socket: WebSocket) => socket.send('hello'), [3_501, 'bad request']],
  ['a frame larger than 64 KiB', (socket: WebSocket) => socket.send('x'.repeat(2 ** 17)), [1_009, '']],
  [
    'a text that is not UTF-8',
    (socket: WebSocket) => socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false }),
    [1_007, ''],
  ],
  [
    'a send',
    (socket: WebSocket) => socket.send('{"send":{}}'),
    [3_508, 'not available: send messages through the writer'],
  ],
] as const)('D52 %s closes the connection with its code, and no other', async (_, send, expected) => {
  await using server = await openServer()
  const one = await raw(server.webSocketUrl)
  const other = await raw(server.webSocketUrl)
  send(one.socket)
  expect(await one.closed).toEqual(expected)
  expect(other.socket.readyState).toBe(WebSocket.OPEN)
  other.socket.close()
})

test('D52 a flood of fragments closes the connection', async () => {
  await using server = await openServer()
  const { socket, closed } = await raw(server.webSocketUrl)
  for (let count = 0; count < 200; count++) socket.send('x', { fin: false })
  expect(await closed).toEqual([1_008, ''])
})

test('D52 a client that reads nothing is closed as slow, and others get everything', async () => {
  await using server = await openServer()
  const slow = await raw(server.webSocketUrl)
  const other = await raw(server.webSocketUrl)
  let got = 0
  const isMessage = (line: string): boolean => line.includes('"type":"message"')
  other.socket.on('message', (data) => (got += textOf(data).split('\n').filter(isMessage).length))
  slow.socket.pause()
  let sent = 0
  await eventually(() => {
    for (let count = 0; count < 50; count++, sent++)
      server.feed.message({ ...toAnn, body: 'x'.repeat(16_000) })
    expect(server.delivery.figures().closes.slow).toBe(1)
  })
  await eventually(() => expect(got).toBe(sent))
  // It does not answer the close frame either: the socket is cut.
  await eventually(() => expect(server.delivery.figures().connections).toBe(1))
  slow.socket.terminate()
  other.socket.close()
})

test('D52 a page of another origin gets no connection, and more handshakes than the rate are 503', async () => {
  await using server = await openServer({ handshakesPerSecond: 1 })
  const refused = async (options: object): Promise<number | undefined> => {
    const socket = new WebSocket(server.webSocketUrl, options)
    socket.on('error', () => undefined)
    const [, response] = await once(socket, 'unexpected-response')
    return response.statusCode
  }
  expect(await refused({ origin: 'https://evil.example' })).toBe(403)
  const clients = [await raw(server.webSocketUrl), await raw(server.webSocketUrl)]
  expect(await refused({})).toBe(503)
  for (const { socket } of clients) socket.close()
})

test('D52 a client that leaves in the middle of a connect is forgotten', async () => {
  await using server = await openServer()
  let open = (): void => undefined
  server.reads.gate = new Promise((resolve) => (open = resolve))
  const socket = new WebSocket(server.webSocketUrl)
  await once(socket, 'open')
  socket.send(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } }))
  await eventually(() => expect(server.delivery.figures()).toMatchObject({ connections: 1, users: 1 }))
  socket.terminate()
  await eventually(() => expect(server.delivery.figures().connections).toBe(0))
  open()
  await eventually(() => expect(server.delivery.figures().users).toBe(0))
})

test('D52 half a handshake takes no connection', async () => {
  await using server = await openServer()
  const { port } = new URL(server.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n')
  await once(socket, 'connect')
  expect(server.delivery.figures().connections).toBe(0)
  socket.destroy()
})
