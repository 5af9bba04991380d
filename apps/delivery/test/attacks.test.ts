import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { WebSocket } from 'ws'
import type { Line } from './support/bench.ts'
import { frameOf, handshakeOf, opcodes, RawSocket, type FrameShape } from './support/raw-socket.ts'
import { openServer, textOf } from './support/real-server.ts'
import { tokenOf } from './support/tokens.ts'

type Server = Awaited<ReturnType<typeof openServer>>

let server: Server
let bystander: WebSocket
let connects = 0
const got: (string | undefined)[] = []
const toAnn = { from: 'bob', to: { user: 'ann' } }

beforeAll(async () => {
  server = await openServer()
  bystander = new WebSocket(server.webSocketUrl)
  bystander.on('open', () => bystander.send(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } })))
  bystander.on('message', (data) => {
    for (const line of textOf(data).split('\n')) {
      const { push }: Line = JSON.parse(line)
      if (line === '{}') bystander.send('{}')
      if (push === undefined) connects += 1
      else got.push(push.pub.data.id)
    }
  })
  await eventually(() => expect(connects).toBeGreaterThan(0))
})
afterAll(async () => {
  // What was counted for the attackers has gone with them.
  await eventually(() => expect(server.delivery.frames.bytes).toBe(0))
  bystander.terminate()
  await server[Symbol.asyncDispose]()
})

/** Another client is connected as before and gets its messages; nothing of the attackers is left. */
async function expectUnharmed(): Promise<void> {
  const { id } = server.feed.message(toAnn)
  await eventually(() => expect(got.at(-1)).toBe(id))
  await eventually(() =>
    expect(server.delivery.figures()).toMatchObject({ connections: 1, users: 1, bufferedBytes: 0 }),
  )
}

const { text, binary, continuation, close, ping } = opcodes
const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
const fragment = (payload: string, shape: FrameShape = {}) => ({ fin: false, payload, ...shape })
const part = ({ payload, ...shape }: ReturnType<typeof fragment>, opcode: number) =>
  frameOf(opcode, payload, shape)
const codeOf = (code: number): Buffer => Buffer.from([code >> 8, code & 255])
const says = (command: string): Buffer => frameOf(text, command)

/** What a client sends after its connect, and how the server closes. */
const attacks: readonly (readonly [string, Buffer, number])[] = [
  ['a frame without a mask', frameOf(text, '{}', { masked: false }), 1_002],
  ['a reserved bit, as of a compressed frame', frameOf(text, '{}', { reserved: 4 }), 1_002],
  ['an unknown opcode', frameOf(3), 1_002],
  ['a ping in fragments', frameOf(ping, '', { fin: false }), 1_002],
  ['a ping that is too long', frameOf(ping, 'x'.repeat(126)), 1_002],
  ['a fragment of nothing', frameOf(continuation, 'x'), 1_002],
  ['a frame between fragments', Buffer.concat([part(fragment('{'), text), says('{}')]), 1_002],
  ['a close frame with a code that does not exist', frameOf(close, codeOf(999)), 1_002],
  ['an oversize frame', frameOf(text, 'x', { claimedBytes: 2 ** 16 + 1 }), 1_009],
  ['a frame of 8 EiB', frameOf(text, 'x', { claimedBytes: 2 ** 62 }), 1_009],
  [
    'fragments that are too large together',
    many(2, (at) => part(fragment('x'.repeat(40_000)), at ? 0 : 1)),
    1_009,
  ],
  ['a flood of fragments', many(65, (at) => part(fragment('x'), at ? continuation : text)), 1_008],
  ['a flood of empty fragments', many(65, (at) => part(fragment(''), at ? continuation : text)), 1_008],
  ['bad UTF-8', frameOf(text, Buffer.from([0x22, 0xff])), 1_007],
  ['a lone surrogate', frameOf(text, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), 1_007],
  ['bad UTF-8 in a close frame', frameOf(close, Buffer.concat([codeOf(1_000), Buffer.from([0xff])])), 1_007],
  ['a flood of pings', many(200, () => frameOf(ping, 'x')), 3_013],
  ['a flood of pongs', many(200, () => frameOf(opcodes.pong)), 3_013],
  ['a flood of commands', many(200, () => says('{"id":2,"rpc":{}}')), 3_013],
  ['more commands than a frame may have', says('{}\n'.repeat(129)), 3_501],
  ['a binary frame', frameOf(binary, '{}'), 3_501],
  ['an empty frame', says(''), 3_501],
  ['JSON that is too deep', says(`{"id":2,"rpc":${'['.repeat(30_000)}`), 3_501],
  ['a second connect', says('{"id":2,"connect":{}}'), 3_501],
  ['an id beyond numbers', says('{"id":1e999,"rpc":{}}'), 3_501],
  ['what only a server says', says('{"push":{"channel":"#ann","pub":{"data":{}}}}'), 3_501],
  ['a refresh with the token of somebody else', says(refresh(tokenOf('bob'))), 3_500],
  ['a refresh with an expired token', says(refresh(tokenOf('eve', { expiresAt: 1 }))), 3_005],
  ['a send', says('{"send":{}}'), 3_508],
]

function refresh(token: string): string {
  return JSON.stringify({ id: 2, refresh: { token } })
}

const connected = async (user = 'eve'): Promise<RawSocket> => {
  const raw = await RawSocket.open(server.url)
  raw.write(says(JSON.stringify({ id: 1, connect: { token: tokenOf(user) } })))
  await eventually(() => expect(raw.texts).toHaveLength(1))
  return raw
}

test.each(attacks)('D57 %s ends that connection with its code, and no other', async (_, bytes, code) => {
  using raw = await connected()
  raw.write(bytes)
  await eventually(() => expect(raw.closed?.[0]).toBe(code))
  // A client that answers no close frame and keeps the connection open has left the hub all the same.
  expect(server.delivery.figures()).toMatchObject({ connections: 1, users: 1 })
  await expectUnharmed()
})

test('D57 a client that has sent its close frame gets nothing more', async () => {
  using raw = await connected()
  raw.write(frameOf(close, codeOf(1_000)))
  await eventually(() => expect(raw.closed?.[0]).toBe(1_000))
  server.feed.message({ from: 'bob', to: { user: 'eve' } })
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(server.delivery.figures()).toMatchObject({ connections: 1, users: 1, bufferedBytes: 0 })
  await expectUnharmed()
  expect(raw.texts).toHaveLength(1)
})

test.each([
  ['no token', {}, 3_500],
  ['a forged token', { token: '{' }, 3_500],
  ['a token that is no text', { token: 1 }, 3_501],
])('D57 a connect with %s is closed with its code', async (_, request, code) => {
  using raw = await RawSocket.open(server.url)
  raw.write(says(JSON.stringify({ id: 1, connect: request })))
  await eventually(() => expect(raw.closed?.[0]).toBe(code))
  await expectUnharmed()
})

test.each([
  ['subscribe', 103],
  ['history', 103],
  ['publish', 103],
  ['presence', 108],
  ['presence_stats', 108],
  ['rpc', 108],
  ['sub_refresh', 108],
  ['__proto__', 104],
])('D57 %s on the channel of somebody else is an error, never ignored', async (method, code) => {
  using raw = await connected()
  raw.write(says(`{"id":2,"${method}":{"channel":"#ann","data":1,"limit":10}}`))
  await eventually(() => expect(raw.texts.at(-1)).toContain(`"id":2,"error":{"code":${code},`))
})

test.each([
  ['a foreign origin', { Origin: 'https://evil.example' }, 403],
  ['the origin null', { Origin: 'null' }, 403],
  ['an origin that only contains this host', { Origin: 'http://evil@x' }, 403],
  ['two origins', { Origin: 'http://x, http://evil.example' }, 403],
  ['another version', { 'Sec-WebSocket-Version': '8' }, 426],
  ['no key', { 'Sec-WebSocket-Key': '' }, 400],
  ['a key that is too short', { 'Sec-WebSocket-Key': 'x' }, 400],
  ['a sub-protocol of binary frames', { 'Sec-WebSocket-Protocol': 'centrifuge-protobuf' }, 400],
  ['a malformed sub-protocol', { 'Sec-WebSocket-Protocol': 'a, a' }, 400],
  ['a body', { 'Content-Length': '3' }, 400],
  ['no upgrade, as from a proxy that removed it', { Upgrade: '', Connection: '' }, 426],
])('D56 a handshake with %s is refused with a problem document', async (_, headers, status) => {
  using raw = new RawSocket(server.url)
  raw.write(handshakeOf(headers))
  await eventually(() => expect(raw.text).toMatch(/\r\n\r\n\{"type":"https:[^]*\}$/))
  expect(raw.status).toBe(status)
  await expectUnharmed()
})

test.each([
  ['its own origin', { Origin: 'http://x' }],
  ['its own origin, behind a proxy that ends TLS', { Origin: 'https://x' }],
  ['an offer of compression, which is not taken', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
  ['an unknown sub-protocol, which is not taken', { 'Sec-WebSocket-Protocol': 'other' }],
])('D56 a handshake with %s is accepted', async (_, headers) => {
  using raw = new RawSocket(server.url)
  raw.write(handshakeOf(headers))
  await eventually(() => expect(raw.status).toBe(101))
  expect(raw.text).not.toMatch(/sec-websocket-(extensions|protocol)/i)
})

test('D56 what follows a handshake in one packet is a frame, and no request is answered behind it', async () => {
  using raw = new RawSocket(server.url)
  const frame = says(JSON.stringify({ id: 1, connect: { token: tokenOf('eve') } }))
  raw.write(Buffer.concat([Buffer.from(handshakeOf()), frame]))
  await eventually(() => expect(raw.texts).toHaveLength(1))
  raw.write('GET /connection/sse HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(raw.closed?.[0]).toBe(1_002))
  await expectUnharmed()
})

test('D7 a client that pings at a moderate rate gets its pongs', async () => {
  using raw = await connected()
  raw.write(many(20, () => frameOf(ping, 'x')))
  const pong = frameOf(opcodes.pong, 'x', { masked: false }).toString('latin1')
  await eventually(() => expect(raw.text.split(pong)).toHaveLength(21))
})

test('D57 a client that answers no ping is closed with 3012, and one that does stays', async () => {
  await using small = await openServer({ pingMs: 1_000, pongMs: 500 })
  const open = async (user: string): Promise<RawSocket> => {
    const raw = await RawSocket.open(small.url)
    raw.write(says(JSON.stringify({ id: 1, connect: { token: tokenOf(user) } })))
    return raw
  }
  using silent = await open('ann')
  using other = await open('bob')
  other.socket.on('data', () => other.write(says('{}')))
  await eventually(() => expect(silent.closed).toEqual([3_012, 'no pong']))
  expect(other.closed).toBeUndefined()
  expect(small.delivery.figures()).toMatchObject({ connections: 1, closes: { noPong: 1 } })
})

/** Connections of an attacker; 10,000 need `ulimit -n 65536`. */
const CROWD = Number(process.env['TEST_CROWD'] ?? 300)

test(`D58 ${CROWD} connections at once that send no token, or half a handshake, keep nobody out`, async () => {
  const limit = Math.ceil(CROWD / 3)
  // Only the limit closes them: nobody waits for too long.
  const connectWithinMs = 3_600_000
  await using small = await openServer({
    maxConnections: limit,
    connectWithinMs,
    handshakesPerSecond: 100_000,
  })
  const isHalf = (at: number): boolean => at % 3 === 0
  const crowd = Array.from({ length: CROWD }, (_, at) => {
    const raw = new RawSocket(small.url)
    raw.write(isHalf(at) ? handshakeOf().slice(0, -2) : handshakeOf())
    return raw
  })
  const whole = crowd.filter((_, at) => !isHalf(at)).length
  await eventually(() => expect(small.delivery.figures().closes.stale).toBe(whole - limit))
  expect(small.delivery.figures().connections).toBe(limit)
  const sessions: RawSocket[] = []
  for (let count = 0; count < 5; count++) {
    const raw = await RawSocket.open(small.url)
    raw.write(says(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } })))
    await eventually(() => expect(raw.texts).toHaveLength(1))
    sessions.push(raw)
  }
  small.feed.message(toAnn)
  await eventually(() => expect(sessions.map(({ texts }) => texts.length)).toEqual([2, 2, 2, 2, 2]))
  for (const raw of [...crowd, ...sessions]) raw[Symbol.dispose]()
  await eventually(() => expect(small.delivery.figures()).toMatchObject({ connections: 0, users: 0 }))
})

test('D58 where everybody has a session, further clients are 503, web-sockets and event streams alike', async () => {
  await using small = await openServer({ maxConnections: 2 })
  const stream = async (): Promise<Response> =>
    await fetch(small.eventsUrl, { headers: { authorization: `Bearer ${tokenOf('ann')}` } })
  using one = await RawSocket.open(small.url)
  one.write(says(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } })))
  await eventually(() => expect(one.texts).toHaveLength(1))
  const open = await stream()
  expect(open.status).toBe(200)
  using late = new RawSocket(small.url)
  late.write(handshakeOf())
  await eventually(() => expect(late.status).toBe(503))
  expect((await stream()).status).toBe(503)
  await open.body?.cancel()
  await eventually(async () => expect((await stream()).status).toBe(200))
})

test('D45 frames that are never completed take bounded memory; those who have sent most are closed with 3008', async () => {
  await using small = await openServer({ frameBytes: 2 ** 20 })
  const others = [await RawSocket.open(small.url), await RawSocket.open(small.url)]
  const crowd: RawSocket[] = []
  for (let count = 0; count < 40; count++) {
    const raw = await RawSocket.open(small.url)
    raw.write(frameOf(text, 'x'.repeat(60_000), { claimedBytes: 65_536 }))
    crowd.push(raw)
    expect(small.delivery.frames.bytes).toBeLessThan(2 ** 20 + 65_536)
  }
  await eventually(() => expect(small.delivery.figures().closes.slow).toBeGreaterThan(20))
  expect(small.delivery.frames.bytes).toBeLessThanOrEqual(2 ** 20)
  for (const raw of others) {
    raw.write(says(JSON.stringify({ id: 1, connect: { token: tokenOf('ann') } })))
    await eventually(() => expect(raw.texts).toHaveLength(1))
  }
  for (const raw of [...crowd, ...others]) raw[Symbol.dispose]()
  await eventually(() => expect(small.delivery.frames.bytes).toBe(0))
})
