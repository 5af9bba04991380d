import { expect, test } from '@jest/globals'
import { openBench } from './support/bench.ts'
import { SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'

const connect = (token: string) => ({ id: 1, connect: { token } })

test('D30 an expired token is error 109 in the reply and never a close, and what was sent behind it is dropped', async () => {
  const { client } = openBench()
  const expired = connect(tokenOf('ann', { expiresAt: SECOND - 1 }))
  const { socket, send, connection } = await client(expired, { id: 2, subscribe: { channel: 'x' } })
  expect(socket.lines).toEqual([{ id: 1, error: { code: 109, message: 'token expired' } }])
  await send({ id: 3, subscribe: { channel: 'x' } })
  expect([socket.frames.length, socket.closed]).toEqual([1, undefined])
  await send({ ...connect(tokenOf('ann')), id: 4 })
  expect(connection.state).toBe('open')
})

test.each([
  ['no token', ''],
  ['a forged token', '{}'],
])('D30 %s is closed with 3500', async (_, token) => {
  const { client } = openBench()
  const { socket } = await client(connect(token))
  expect([socket.closed, socket.frames]).toEqual(['invalidToken', []])
})

test('D30 a token that cannot be verified now is a temporary error', async () => {
  const { client, tokens } = openBench()
  tokens.forced = { kind: 'unavailable' }
  const { socket } = await client(connect(tokenOf('ann')))
  expect(socket.lines[0]?.error).toEqual({ code: 100, message: 'internal server error', temporary: true })
})

test('D30 one connection more than a user may have is closed with 3504, and the others stay', async () => {
  const { client } = openBench({ maxSessionsPerUser: 2 })
  const clients = [await client(connect(tokenOf('ann'))), await client(connect(tokenOf('ann')))]
  const { socket } = await client(connect(tokenOf('ann')))
  expect(socket.closed).toBe('tooManyConnections')
  expect(clients.map(({ socket }) => socket.closed)).toEqual([undefined, undefined])
  clients[0]?.connection.disconnected()
  expect((await client(connect(tokenOf('ann')))).connection.state).toBe('open')
})

test('D31 a token that expires while connected is closed with 3005 after a grace of 25 s', async () => {
  const { client, pass } = openBench({ pingMs: 3_600_000 })
  const { socket } = await client(connect(tokenOf('ann', { expiresAt: SECOND + 60 })))
  expect(socket.lines[0]?.connect?.ttl).toBe(60)
  await pass(84_000)
  expect(socket.closed).toBeUndefined()
  await pass(1_500)
  expect(socket.closed).toBe('expired')
})

test('D31 a refresh carries the session on, and replies with the client id', async () => {
  const { client, pass } = openBench({ pingMs: 3_600_000 })
  const { socket, send } = await client(connect(tokenOf('ann', { expiresAt: SECOND + 60 })))
  await pass(50_000)
  await send({ id: 2, refresh: { token: tokenOf('ann', { expiresAt: SECOND + 500 }) } })
  expect(socket.lines[1]).toEqual({
    id: 2,
    refresh: { client: socket.lines[0]?.connect?.client, version: '0.0.0', expires: true, ttl: 450 },
  })
  await pass(100_000)
  expect(socket.closed).toBeUndefined()
  await pass(376_000)
  expect(socket.closed).toBe('expired')
})

test.each([
  ['an expired token', tokenOf('ann', { expiresAt: 1 }), 'expired'],
  ['a forged token', '{}', 'invalidToken'],
  ['the token of somebody else', tokenOf('bob'), 'invalidToken'],
  ['a token that is revoked', tokenOf('ann', { issuedAt: SECOND - 100 }), 'invalidToken'],
] as const)('D31 a refresh with %s is closed', async (_, token, code) => {
  const { client, reads } = openBench()
  reads.notBefore.set('ann', SECOND - 50)
  const { socket, send } = await client(connect(tokenOf('ann')))
  await send({ id: 2, refresh: { token } })
  expect(socket.closed).toBe(code)
  expect(socket.lines).toHaveLength(1)
})

test('D31 a refresh that cannot be verified now is a temporary error, and the session goes on', async () => {
  const { client, tokens } = openBench()
  const { socket, send } = await client(connect(tokenOf('ann')))
  tokens.forced = { kind: 'unavailable' }
  await send({ id: 2, refresh: { token: tokenOf('ann') } })
  expect([socket.lines[1]?.error?.code, socket.closed]).toEqual([100, undefined])
})

test('D32 a revocation closes what came with an older token with 3014, and the old token is 3500 from then on', async () => {
  const { client, feed, reads } = openBench()
  const old = tokenOf('ann', { issuedAt: SECOND - 10 })
  const [revoked, fresh, other] = [
    await client(connect(old)),
    await client(connect(tokenOf('ann', { issuedAt: SECOND }))),
    await client(connect(tokenOf('bob', { issuedAt: SECOND - 10 }))),
  ]
  feed.revoke('ann', SECOND)
  expect([revoked, fresh, other].map(({ socket }) => socket.closed)).toEqual([
    'revoked',
    undefined,
    undefined,
  ])
  expect((await client(connect(old))).socket.closed).toBe('invalidToken')
  // Nobody of that name is here: the database knows.
  fresh.connection.disconnected()
  reads.notBefore.set('ann', SECOND)
  expect((await client(connect(old))).socket.closed).toBe('invalidToken')
})

test('D32 a revocation that comes while a connect is under way counts', async () => {
  const { client, feed, reads, settle } = openBench()
  let open = (): void => undefined
  reads.gate = new Promise((resolve) => (open = resolve))
  const { socket } = await client(connect(tokenOf('ann', { issuedAt: SECOND - 10 })))
  feed.revoke('ann', SECOND)
  open()
  await settle()
  await settle()
  expect(socket.closed).toBe('invalidToken')
})

test('D33 groups of the token count as memberships of all of the group, once, until the token is replaced', async () => {
  const { client, feed, reads, settle } = openBench()
  reads.memberships.push({ user: 'ann', group: 'g', intervals: [{ from: 1 }] })
  const before = feed.message({ from: 'bob', to: { group: 'h' } }).id
  const token = tokenOf('ann', { groups: ['g', 'h'] })
  const { socket, send } = await client(connect(token))
  const plain = await client(connect(tokenOf('ann')))
  const [inG, inH] = [
    feed.message({ from: 'bob', to: { group: 'g' } }).id,
    feed.message({ from: 'bob', to: { group: 'h' } }).id,
  ]
  await settle()
  expect([socket.ids, plain.socket.ids]).toEqual([[inG, inH], [inG]])
  await send({ id: 2, history: { channel: '#ann', limit: -1 } })
  expect(socket.lines.at(-1)?.history?.publications.map(({ data }) => data.id)).toEqual([before, inG, inH])
  await send({ id: 3, refresh: { token: tokenOf('ann') } })
  feed.message({ from: 'bob', to: { group: 'h' } })
  const last = feed.message({ from: 'bob', to: { group: 'g' } }).id
  await settle()
  expect(socket.ids).toEqual([inG, inH, last])
})
