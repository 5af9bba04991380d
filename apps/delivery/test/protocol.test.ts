import { expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { closes, errors, frameSchemas, FRAME_LIMITS } from '../src/index.ts'
import { ProtocolFault } from '../src/protocol/fault.ts'
import { readFrame } from '../src/protocol/read-frame.ts'
import { actionFor, type ConnectionState } from '../src/transitions.ts'
import { openBench } from './support/bench.ts'
import { checkFrames } from './support/schema-check.ts'
import { tokenOf } from './support/tokens.ts'

/** Lines as clients that nobody here wrote send them. */
const known = [
  '{}',
  '{"id":1,"connect":{"token":"t","name":"js","subs":{"#ann":{"recover":true,"epoch":"_"}}}}',
  '{"id":1,"connect":{"data":{"since":{"epoch":"e","offset":7}},"version":"","headers":{"a":"b"}}}',
  '{"id":2,"refresh":{"token":"t"}}',
  '{"id":3,"subscribe":{"channel":"#ann","token":"","flag":1}}',
  '{"id":4,"unsubscribe":{"channel":"news"}}',
  '{"id":5,"history":{"channel":"#ann","limit":10,"since":{"offset":3},"reverse":true}}',
  '{"id":6,"publish":{"channel":"#ann","data":{}}}',
  '{"id":7,"rpc":{"method":"m","data":{}}}',
  '{"send":{"data":{}}}',
]

const bad = [
  '',
  '\n',
  'null',
  '[]',
  '1',
  '{"id":1}',
  '{"connect":{}}',
  '{"id":0,"connect":{}}',
  '{"id":1.5,"connect":{}}',
  '{"id":"1","connect":{}}',
  '{"id":4294967296,"connect":{}}',
  '{"id":1,"connect":[]}',
  '{"id":1,"connect":{"token":1}}',
  '{"id":1,"connect":{"subs":{"#ann":1}}}',
  '{"id":1,"connect":{"subs":{"#ann":{"recover":true,"offset":-1}}}}',
  '{"id":1,"connect":{"subs":{"#ann":{"recover":true,"offset":1e300}}}}',
  '{"id":1,"connect":{},"refresh":{}}',
  '{"id":1,"history":{"channel":"#ann","limit":"3"}}',
  '{"id":1,"connect":{}} {"id":2}',
  '{"id":1,"connect":{}',
]

test('D1 the schemas accept what clients send, and refuse what is not of the protocol', () => {
  const check = checkFrames(frameSchemas.client)
  for (const line of known) {
    check(JSON.parse(line))
    expect(() => readFrame(line)).not.toThrow()
  }
  expect(() => check({ id: 1 })).toThrow('must')
})

test('D1 the schemas of the server refuse what it never sends', () => {
  const check = checkFrames(frameSchemas.server)
  for (const value of [
    { id: 1, connect: {} },
    { id: 1, error: { code: 999, message: 'x' } },
    { push: { channel: 'x' } },
  ])
    expect(() => check(value)).toThrow('must')
})

test('D1 each schema is one of JSON Schema 2020-12', () => {
  const ajv = new Ajv2020()
  for (const schema of Object.values(frameSchemas)) expect(ajv.validateSchema(schema)).toBe(true)
})

test.each(bad)('D2 %j is not a frame', (frame) => {
  expect(() => readFrame(frame)).toThrow(ProtocolFault)
})

test('D2 a frame is bounded in bytes, commands and depth', () => {
  const { bytes, commands, depth } = FRAME_LIMITS
  const padded = (size: number): string => `{"id":1,"rpc":{"x":"${'é'.repeat((size - 23) / 2)}"}}`
  expect(Buffer.byteLength(padded(bytes - 1))).toBeLessThanOrEqual(bytes)
  expect(readFrame(padded(bytes - 1))).toHaveLength(1)
  expect(() => readFrame(padded(bytes + 3))).toThrow('65536 bytes')
  expect(readFrame(Array(commands).fill('{}').join('\n'))).toHaveLength(commands)
  expect(() =>
    readFrame(
      Array(commands + 1)
        .fill('{}')
        .join('\n'),
    ),
  ).toThrow('128 commands')
  const nested = (deep: number): string =>
    `{"id":1,"rpc":{"x":${'['.repeat(deep - 2)}"]["${']'.repeat(deep - 2)}}}`
  expect(readFrame(nested(depth))).toHaveLength(1)
  expect(() => readFrame(nested(depth + 1))).toThrow('32 deep')
  expect(() => readFrame(`{"id":1,"rpc":{"x":${'['.repeat(30_000)}`)).toThrow('deep')
})

test('D2 empty lines hide no command, however many there are', () => {
  const rpc = '{"id":1,"rpc":{}}'
  expect(readFrame(`${rpc}${'\n'.repeat(500)}${rpc}`)).toHaveLength(2)
  expect(readFrame(`${'\n'.repeat(500)}${rpc}`)).toHaveLength(1)
})

test('D2 any text is commands or a fault, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constantFrom(...known)), fc.string(), (head, tail) => {
      try {
        readFrame(`${head}${tail}`)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolFault)
      }
    }),
  )
})

test('D2 a frame with one bad command is closed with 3501, and no command of it is answered', async () => {
  const { client } = openBench()
  const { socket, connection } = await client()
  connection.receive(`{"id":1,"connect":{"token":${JSON.stringify(tokenOf('ann'))}}}\n{"id":0,"rpc":{}}`)
  expect(socket.closed).toBe('badRequest')
  expect(socket.frames).toEqual([])
})

test('D3 the state machine is total, and only an open connection answers', () => {
  const states: readonly ConnectionState[] = ['waiting', 'opening', 'refused', 'open', 'closed']
  const methods = ['pong', 'send', 'connect', 'refresh', 'subscribe', 'unknown'] as const
  const table = Object.fromEntries(
    states.map((state) => [state, methods.map((method) => actionFor(state, method)).join(' ')]),
  )
  expect(table).toEqual({
    waiting: 'bad bad connect bad bad bad',
    opening: 'ignore queue queue queue queue queue',
    refused: 'drop drop connect drop drop drop',
    open: 'ignore unavailable bad answer answer answer',
    closed: 'drop drop drop drop drop drop',
  })
})

test('D3 commands behind a connect are answered after it', async () => {
  const { client } = openBench()
  const { socket } = await client(
    { id: 1, connect: { token: tokenOf('ann') } },
    { id: 2, unsubscribe: { channel: 'x' } },
  )
  expect(socket.lines.map(({ id }) => id)).toEqual([1, 2])
  expect(socket.lines[1]?.unsubscribe).toEqual({})
})

test('D3 a second connect is closed with 3501', async () => {
  const { client } = openBench()
  const connect = { connect: { token: tokenOf('ann') } }
  const { socket, send } = await client({ id: 1, ...connect })
  await send({ id: 2, ...connect })
  expect(socket.closed).toBe('badRequest')
})

test.each([
  ['subscribe', { channel: '#ann' }, 105],
  ['subscribe', { channel: '#bob' }, 103],
  ['publish', { channel: '#ann', data: {} }, 103],
  ['history', { channel: '#bob' }, 103],
  ['rpc', {}, 108],
  ['presence', {}, 108],
  ['presence_stats', {}, 108],
  ['sub_refresh', {}, 108],
  ['dance', {}, 104],
])('D4 %s %j is refused with %d, and the connection stays', async (method, request, code) => {
  const { client } = openBench()
  const { socket, send } = await client({ id: 1, connect: { token: tokenOf('ann') } })
  await send({ id: 2, [method]: request })
  expect(socket.lines[1]).toMatchObject({ id: 2, error: { code } })
  expect(socket.closed).toBeUndefined()
})

test('D4 send has no reply to be refused in, so it is closed with 3508', async () => {
  const { client } = openBench()
  const { socket, send } = await client({ id: 1, connect: { token: tokenOf('ann') } })
  await send({ send: { data: {} } })
  expect(socket.closed).toBe('notAvailable')
})

test('D8 a reason fits a close frame and is not JSON, and the code says whether to come back', () => {
  const check = checkFrames(frameSchemas.close)
  for (const close of Object.values(closes)) {
    check(close)
    expect(Buffer.byteLength(close.reason)).toBeLessThanOrEqual(123)
    expect(close.reason).not.toBe('')
    expect(() => JSON.parse(close.reason)).toThrow(SyntaxError)
  }
  const final = ['invalidToken', 'badRequest', 'stale', 'forced', 'tooManyConnections', 'notAvailable']
  expect(
    Object.entries(closes)
      .filter(([, { code }]) => code >= 3_500)
      .map(([name]) => name),
  ).toEqual(final)
  expect(new Set(Object.values(closes).map(({ code }) => code)).size).toBe(Object.keys(closes).length)
  // Below 100 and "temporary" make clients try again.
  expect(
    Object.values(errors)
      .filter((error) => 'temporary' in error)
      .map(({ code }) => code),
  ).toEqual([100])
})
