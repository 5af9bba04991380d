import { expect, test } from '@jest/globals'
import { ByteBudget, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import { EventSource } from 'eventsource'
import * as fc from 'fast-check'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import {
  Drain,
  encodeEvent,
  EventStreams,
  lastEventIdOf,
  type EventStream,
  type EventStreamsOptions,
  type OpenStreamOptions,
  type ServerEvent,
} from '../src/index.ts'
import { LogBook, openShell, RawClient } from './open-shell.ts'

const get = 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'

/** A port that answers every request with a stream. */
async function openStreams(
  changed: Partial<EventStreamsOptions> & { readonly budgetBytes?: number } = {},
  options: OpenStreamOptions | (() => OpenStreamOptions) = {},
) {
  const clock = systemClock
  const log = new LogBook()
  const drain = new Drain(log, clock)
  const budget = new ByteBudget({ maxBytes: changed.budgetBytes ?? 2 ** 26, clock })
  const part = budget.part('events')
  const streams = new EventStreams({
    part,
    drain,
    clock,
    log,
    random: () => 0.5,
    maxStreams: 10,
    maxBufferBytes: 2 ** 20,
    heartbeatMs: 3_600_000,
    retryMs: 100,
    ...changed,
  })
  const opened: EventStream[] = []
  const requests: IncomingMessage[] = []
  const bench = await openShell((request, response) => {
    requests.push(request)
    opened.push(streams.open(response, typeof options === 'function' ? options() : options))
  })
  return {
    ...bench,
    log,
    streams,
    drain,
    part,
    opened,
    requests,
    [Symbol.asyncDispose]: () => bench.shell.close(0),
  }
}

/** What the client of a browser `EventSource` receives. */
async function hear(url: string, types: readonly string[] = []) {
  const source = new EventSource(url)
  const heard: { readonly type: string; readonly data: string; readonly id: string }[] = []
  for (const type of ['message', ...types])
    source.addEventListener(type, ({ data, lastEventId }) =>
      heard.push({ type, data: String(data), id: lastEventId }),
    )
  await once(source, 'open').catch(() => undefined)
  return { source, heard, [Symbol.dispose]: () => source.close() }
}

test('S7 the head of a stream prevents caching, compression and buffering on the way', async () => {
  await using bench = await openStreams()
  using client = new RawClient(bench.url)
  client.send(get)
  await eventually(() => expect(client.text).toContain('retry: 100\n\n'))
  expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
  for (const line of [
    'content-type: text/event-stream',
    'cache-control: no-store, no-transform',
    'x-accel-buffering: no',
  ])
    expect(client.text).toContain(`\r\n${line}\r\n`)
  using head = new RawClient(bench.url)
  head.send(get.replace('GET', 'HEAD').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  expect(await head.untilClosed()).toMatch(/text\/event-stream[^]*\r\n\r\n$/)
  expect(bench.opened[1]?.send({ data: 'x' })).toBe(false)
  expect(bench.streams.size).toBe(1)
})

test('S7 a third-party client receives types, ids and lines as sent, and reconnects with the last id', async () => {
  await using bench = await openStreams()
  using client = await hear(bench.url, ['doc.put'])
  await eventually(() => expect(bench.opened).toHaveLength(1))
  const [stream] = bench.opened
  stream?.send({ data: 'one' })
  stream?.send({ event: 'doc.put', id: 'p:1', data: ' two\r\nlines\rand\n\nmore: ü' })
  stream?.send({ id: 'ü:2', data: '' })
  await eventually(() =>
    expect(client.heard).toEqual([
      { type: 'message', data: 'one', id: '' },
      { type: 'doc.put', data: ' two\nlines\nand\n\nmore: ü', id: 'p:1' },
      { type: 'message', data: '', id: 'ü:2' },
    ]),
  )
  stream?.end()
  await eventually(() => expect(bench.requests).toHaveLength(2))
  expect(bench.requests.map(({ headers }) => lastEventIdOf(headers))).toEqual([undefined, 'ü:2'])
  // As browsers send it.
  const utf8 = Buffer.from('ü:2').toString('latin1')
  expect(lastEventIdOf({ 'last-event-id': utf8 })).toBe('ü:2')
  expect(bench.streams.ends).toMatchObject({ ended: 1 })
})

test('S7 any text is delivered unchanged, whatever its line endings', async () => {
  await using bench = await openStreams()
  using client = await hear(bench.url)
  await eventually(() => expect(bench.opened).toHaveLength(1))
  const texts = fc.sample(
    fc.string({ unit: fc.constantFrom('a', ' ', ':', '\r', '\n', '\r\n', 'é', '\0') }),
    200,
  )
  for (const data of texts) bench.opened[0]?.send({ data })
  await eventually(() => expect(client.heard).toHaveLength(texts.length))
  expect(client.heard.map(({ data }) => data)).toEqual(texts.map((text) => text.replaceAll(/\r\n|\r/g, '\n')))
})

test.each([
  [{ event: 'a\nb', data: '' }],
  [{ event: '', data: '' }],
  [{ event: 'a' }],
  [{ id: 'a\rb' }],
  [{ id: 'a\0' }],
  [{ retryMs: 0.5 }],
  [{ retryMs: -1 }],
  [{ event: 'a\ud800', data: '' }],
  [{ id: '\udc00a' }],
  [{ data: 'a\ud800b' }],
  [{ data: '\ude00\ud83d' }],
  [{}],
])('S7 %j, which clients would misread or drop, is refused', (event) => {
  expect(() => encodeEvent(event)).toThrow(TypeError)
})

test('S8 a silent stream is kept alive by a comment, or by an event from the app', async () => {
  for (const [options, expected] of [
    [{}, '\n:\n\n'],
    [{ heartbeat: () => ({ id: 'w:7' }) }, 'id: w:7\n\n'],
  ] as const) {
    await using bench = await openStreams({ heartbeatMs: 20 }, options)
    using client = new RawClient(bench.url)
    client.send(get)
    await eventually(() => expect(client.text).toContain(expected))
  }
})

test.each<[string, () => ServerEvent]>([
  [
    'throws',
    () => {
      throw new Error('no position yet')
    },
  ],
  ['gives an event that cannot be sent', () => ({ event: 'x' })],
])(
  'S8 a heartbeat that %s ends its own stream and is logged, and the others continue',
  async (_what, heartbeat) => {
    const all: OpenStreamOptions[] = [{ heartbeat }, {}]
    await using bench = await openStreams({ heartbeatMs: 20 }, () => all.shift() ?? {})
    using failing = new RawClient(bench.url)
    failing.send(get)
    await eventually(() => expect(bench.opened).toHaveLength(1))
    using other = new RawClient(bench.url)
    other.send(get)
    await eventually(() => expect(bench.opened).toHaveLength(2))
    await eventually(() => expect(failing.text).toMatch(/\r\n0\r\n\r\n$/))
    const { length } = other.text
    await eventually(() => expect(other.text.slice(length).split(':\n\n').length).toBeGreaterThan(3))
    expect([bench.opened[0]?.signal.reason, bench.streams.ends, bench.streams.size]).toMatchObject([
      'failed',
      { failed: 1 },
      1,
    ])
    expect(bench.log.lines).toMatchObject([{ level: 'error', fields: { err: expect.any(Error) } }])
  },
)

test('S9 a client that does not read its events is disconnected, others are not, and it may reconnect', async () => {
  await using bench = await openStreams({ maxBufferBytes: 100_000 })
  using slow = new RawClient(bench.url)
  slow.send(get)
  using quick = new RawClient(bench.url)
  quick.send(get)
  await eventually(() => expect(bench.opened).toHaveLength(2))
  slow.socket.pause()
  const [first, second] = bench.opened
  const text = encodeEvent({ data: 'x'.repeat(10_000) })
  let most = 0
  await eventually(() => {
    for (let times = 0; times < 100; times++) {
      first?.sendText(text)
      most = Math.max(most, bench.part.takenBytes)
    }
    second?.send({ data: 'small' })
    expect(first?.signal.reason).toBe('slow')
  })
  expect(most).toBeGreaterThan(16 * 1024)
  expect(most).toBeLessThan(110_000)
  expect(first?.send({ data: 'x' })).toBe(false)
  expect(second?.send({ data: 'last' })).toBe(true)
  await eventually(() => expect(quick.text).toContain('data: last'))
  expect([bench.streams.ends, bench.streams.size]).toMatchObject([{ slow: 1 }, 1])
  expect(bench.part.takenBytes).toBe(0)
  slow.socket.resume()
  await slow.untilClosed()
})

test('S9 what is queued for all slow clients together is limited too', async () => {
  await using bench = await openStreams({ budgetBytes: 200_000, maxBufferBytes: 2 ** 30 })
  const clients = Array.from({ length: 4 }, () => new RawClient(bench.url))
  for (const client of clients) {
    client.send(get)
    client.socket.pause()
  }
  await eventually(() => expect(bench.opened).toHaveLength(4))
  const text = encodeEvent({ data: 'x'.repeat(10_000) })
  await eventually(() => {
    for (let times = 0; times < 100; times++) for (const stream of bench.opened) stream.sendText(text)
    expect(bench.streams.ends.slow).toBeGreaterThanOrEqual(3)
  })
  for (const client of clients) client[Symbol.dispose]()
  await eventually(() => expect([bench.streams.size, bench.part.takenBytes]).toEqual([0, 0]))
})

test('S9 streams beyond the limit are 503, and a slot is free once a client has disconnected', async () => {
  await using bench = await openStreams({ maxStreams: 1 })
  using first = new RawClient(bench.url)
  first.send(get)
  await eventually(() => expect(bench.streams.size).toBe(1))
  const refused = await fetch(bench.url)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  first[Symbol.dispose]()
  await eventually(() => expect(bench.streams.ends.gone).toBe(1))
  using second = new RawClient(bench.url)
  second.send(get)
  await eventually(() => expect(bench.streams.size).toBe(1))
})

test('S10 a drain notifies each stream, ends it after what was sent, and accepts no new one', async () => {
  await using bench = await openStreams({ maxStreams: 200 })
  const clients = Array.from({ length: 90 }, () => new RawClient(bench.url))
  for (const client of clients) client.send(get)
  await eventually(() => expect(bench.streams.size).toBe(90))
  for (const stream of bench.opened) stream.send({ id: '1', data: 'last' })
  await bench.drain.run(100)
  expect([bench.streams.size, bench.streams.ends.drained]).toEqual([0, 90])
  for (const client of clients)
    await eventually(() =>
      expect(client.text).toMatch(/data: last\n\n[^]*event: drain\nretry: 100\ndata: \n\n/),
    )
  expect((await fetch(bench.url)).status).toBe(503)
  for (const client of clients) client[Symbol.dispose]()
})
