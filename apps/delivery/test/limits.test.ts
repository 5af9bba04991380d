import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { BufferBudget } from '../src/buffer-budget.ts'
import { ConnectionDrain } from '../src/drain.ts'
import { closes } from '../src/index.ts'
import { SendQueue, SendTurn } from '../src/send-queue.ts'
import { TimerWheel } from '../src/timer-wheel.ts'
import { FakeSocket, openBench } from './support/bench.ts'
import { HeldClock } from './support/held-clock.ts'
import { SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'

const connect = { id: 1, connect: { token: tokenOf('ann') } }

test('D5 a client that has not connected within 10 s is closed with 3502', async () => {
  const { client, pass } = openBench()
  const { socket } = await client()
  await pass(9_500)
  expect(socket.closed).toBeUndefined()
  await pass(1_000)
  expect(socket.closed).toBe('stale')
})

test('D5 a client whose token was refused has the same 10 s', async () => {
  const { client, pass } = openBench()
  const { socket } = await client({ id: 1, connect: { token: tokenOf('ann', { expiresAt: 1 }) } })
  await pass(10_250)
  expect(socket.closed).toBe('stale')
})

test('D6 a client is pinged every 25 s, and closed with 3012 when it does not answer within 8 s', async () => {
  const { client, pass } = openBench()
  const { socket, send } = await client(connect)
  const pings = (): number => socket.frames.filter((frame) => frame === '{}').length
  await pass(12_750)
  expect(pings()).toBe(1)
  await send({})
  for (const after of [8_000, 8_000, 9_250]) await pass(after)
  expect(pings()).toBe(2)
  await pass(7_500)
  expect(socket.closed).toBeUndefined()
  await pass(1_000)
  expect(socket.closed).toBe('noPong')
})

test('D7 a client that sends too many commands is closed with 3013; one that keeps to the rate is not', async () => {
  const { client, pass } = openBench({ commandsPerSecond: 10 })
  const { socket, send } = await client(connect)
  for (let second = 0; second < 10; second++) {
    await send(...Array.from({ length: 10 }, (_, index) => ({ id: index + 2, rpc: {} })))
    await pass(1_000)
  }
  expect(socket.closed).toBeUndefined()
  await send(...Array.from({ length: 40 }, (_, index) => ({ id: index + 2, rpc: {} })))
  expect(socket.closed).toBe('tooManyRequests')
})

test('D7 commands that wait behind a connect are bounded', async () => {
  const { client, reads } = openBench({ commandsPerSecond: 1_000 })
  reads.gate = new Promise(() => undefined)
  const { socket, send } = await client(connect)
  const many = Array.from({ length: 100 }, (_, index) => ({ id: index + 2, rpc: {} }))
  await send(...many)
  expect(socket.closed).toBeUndefined()
  await send(...many)
  expect(socket.closed).toBe('tooManyRequests')
})

test('D40 what is sent in one turn is one frame, up to 256 KiB', async () => {
  const { client, feed, settle } = openBench()
  const { socket } = await client(connect)
  for (let count = 0; count < 50; count++) feed.message({ from: 'bob', to: { user: 'ann' } })
  expect(socket.frames).toHaveLength(1)
  await settle()
  expect(socket.frames).toHaveLength(2)
  expect(socket.publications).toHaveLength(50)
  for (let count = 0; count < 40; count++)
    feed.message({ from: 'bob', to: { user: 'ann' }, body: 'x'.repeat(16_000) })
  await settle()
  expect(Math.max(...socket.frames.map((frame) => frame.length))).toBeLessThanOrEqual(256 * 2 ** 10)
  expect(socket.publications).toHaveLength(90)
})

test('D41 a client that takes nothing is closed with 3008, and gets no more; others get everything', async () => {
  const { client, feed, settle } = openBench()
  const slow = await client(connect)
  const other = await client(connect)
  slow.socket.bufferedBytes = 2 ** 20
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(slow.socket.closed).toBeUndefined()
  slow.socket.bufferedBytes += 1
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(slow.socket.closed).toBe('slow')
  const got = slow.socket.frames.length
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(slow.socket.frames).toHaveLength(got)
  expect(other.socket.publications).toHaveLength(3)
})

test('D41 a burst in one turn is bounded too', () => {
  const socket = new FakeSocket()
  let slow = 0
  const budget = new BufferBudget(2 ** 20, new TimerWheel(new HeldClock(SECOND)))
  const turn = new SendTurn(() => undefined)
  const queue = new SendQueue({ turn, budget, limits: { maxBufferBytes: 1_000 } }, socket, {
    end: () => (slow += 1),
  })
  for (let count = 0; count < 11; count++) queue.push('x'.repeat(99), 99)
  expect(slow).toBe(1)
  queue.flush()
  expect(socket.frames).toEqual([])
})

test('D44 what waits for all clients is bounded: those with more than their share are closed as slow', async () => {
  const { client, feed, settle, delivery, pass } = openBench({ socketBytes: 2 ** 20, pingMs: 3_600_000 })
  const clients: Awaited<ReturnType<typeof client>>[] = []
  for (let count = 0; count < 10; count++) clients.push(await client(connect))
  const wait = async (bytes: readonly number[]): Promise<void> => {
    for (const [index, buffered] of bytes.entries()) {
      const socket = clients[index]?.socket
      if (socket) socket.bufferedBytes = buffered
    }
    feed.message({ from: 'bob', to: { user: 'ann' } })
    await settle()
  }
  const slow = (): readonly number[] =>
    clients.flatMap(({ socket }, index) => (socket.closed === 'slow' ? [index] : []))
  await wait([500_000, 400_000, 1_000, 1_000])
  expect(slow()).toEqual([])
  expect(delivery.figures().bufferedBytes).toBe(902_000)
  for (let count = 0; count < 2; count++) await wait([500_000, 400_000, 200_000, 1_000])
  expect(slow()).toEqual([0])
  // What was taken meanwhile counts no more, without anything being sent.
  for (const { socket } of clients) socket.bufferedBytes = 0
  await pass(1_250)
  expect(delivery.figures().bufferedBytes).toBe(0)
})

test('D44 what a client that is being closed has not read counts until it has disconnected, and is dropped first', async () => {
  const { client, feed, settle, delivery } = openBench({ socketBytes: 2 ** 21, pingMs: 3_600_000 })
  const [slow, other] = [await client(connect), await client(connect)]
  slow.socket.bufferedBytes = 2 ** 20 + 1
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(slow.socket).toMatchObject({ closed: 'slow', isCut: false })
  expect(delivery.figures().bufferedBytes).toBe(2 ** 20 + 1)
  other.socket.bufferedBytes = 2 ** 20
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(slow.socket.isCut).toBe(true)
  expect(other.socket.closed).toBeUndefined()
  expect(delivery.figures().bufferedBytes).toBe(2 ** 20)
  slow.connection.disconnected()
  other.connection.disconnected()
  expect(delivery.figures()).toMatchObject({ bufferedBytes: 0, closes: { slow: 1, disconnected: 1 } })
})

test('D58 at the limit, the client that has been without a session for longest makes room; sessions stay', async () => {
  const { client, delivery } = openBench({ maxConnections: 3 })
  const ann = await client(connect)
  const [first, second] = [await client(), await client()]
  expect(delivery.makeRoom()).toBe(true)
  expect(first.socket).toMatchObject({ closed: 'stale', isCut: true })
  const bob = await client({ id: 1, connect: { token: tokenOf('bob') } })
  expect(delivery.makeRoom()).toBe(true)
  expect(second.socket).toMatchObject({ closed: 'stale', isCut: true })
  const cem = await client({ id: 1, connect: { token: tokenOf('cem') } })
  expect(delivery.makeRoom()).toBe(false)
  for (const { socket } of [ann, bob, cem]) expect(socket.closed).toBeUndefined()
  cem.connection.disconnected()
  expect(delivery.makeRoom()).toBe(true)
})

test('D42 a timer runs once, never early and at most a slot late, whatever was set and canceled', () => {
  const delays = fc.array(fc.record({ delayMs: fc.nat(400_000), cancel: fc.boolean() }), { maxLength: 50 })
  const steps = fc.array(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(delays, steps, (timers, steps) => {
      const clock = new HeldClock(SECOND)
      const wheel = new TimerWheel(clock)
      const ran: { readonly delayMs: number; readonly atMs: number }[] = []
      for (const { delayMs, cancel } of timers) {
        const timer = wheel.set(delayMs, () => ran.push({ delayMs, atMs: clock.now() }))
        if (cancel) wheel.cancel(timer)
      }
      for (let index = 0; clock.now() < 401_000; index++) {
        clock.move(steps[index % steps.length] ?? 1)
        wheel.turn()
      }
      for (const { delayMs, atMs } of ran) {
        expect(atMs).toBeGreaterThanOrEqual(delayMs)
        expect(atMs).toBeLessThanOrEqual(delayMs + 500)
      }
      expect(ran).toHaveLength(timers.filter(({ cancel }) => !cancel).length)
      expect(wheel.size).toBe(0)
    }),
    { numRuns: 30 },
  )
})

test('D42 after a pause longer than the wheel everything that is due runs', () => {
  const clock = new HeldClock(SECOND)
  const wheel = new TimerWheel(clock)
  const ran: number[] = []
  for (const delayMs of [0, 250, 100_000, 1_000_000, 2_000_000]) wheel.set(delayMs, () => ran.push(delayMs))
  clock.move(1_000_000)
  wheel.turn()
  expect(ran.toSorted((a, b) => a - b)).toEqual([0, 250, 100_000, 1_000_000])
})

test('D43 a drain closes every connection with 3001, evenly over the grace', async () => {
  const clock = new HeldClock(SECOND)
  const closedAt: number[] = []
  const open = new Set(Array.from({ length: 100 }, () => ({ end: () => void closedAt.push(clock.now()) })))
  const sleep = (ms: number): Promise<void> => Promise.resolve(clock.move(ms))
  const moving = { now: () => clock.now(), wallMs: () => clock.wallMs(), sleep }
  await new ConnectionDrain(open, moving).drain({ ms: 10_000, signal: new AbortController().signal })
  expect(closedAt.slice(0, 100).filter((atMs) => atMs < 4_000).length).toBeCloseTo(50, -1)
  expect(closedAt[99]).toBeLessThanOrEqual(8_100)
})

test('D43 a drain tells clients to come back', async () => {
  const { client, delivery } = openBench()
  const { socket } = await client(connect)
  const signal = AbortSignal.abort()
  await delivery.drain.drain({ ms: 1_000, signal })
  expect(closes[socket.closed ?? 'error'].code).toBe(3_001)
  expect(delivery.figures()).toMatchObject({ connections: 0, users: 0, closes: { shutdown: 1 } })
})
