import { afterAll, expect, test } from '@jest/globals'
import { parseSourcePosition, formatSourcePosition, highOf, positionOf } from '@freshet/protocol'
import { eventually, openTestDatabase, seededRandom, type SeededRandom } from '@freshet/testkit'
import { connect } from 'node:net'
import { ServiceProcess } from './support/service-process.ts'

/** As in docs/operations.md: the heap is cache / 0.75 + 64 MiB, and more memory is needed outside of it. */
const CACHE_MIB = 64
const READER_HEAP_MIB = 150
const BESIDE_MIB = 64 + 150
const WRITER_HEAP_MIB = 512

const db = await openTestDatabase()
const [reader, writer] = await Promise.all([
  ServiceProcess.start({
    app: 'reader',
    uri: db.uriFor('reader'),
    heapMiB: READER_HEAP_MIB,
    args: [`--cache-size=${CACHE_MIB}MiB`],
  }),
  ServiceProcess.start({ app: 'writer', uri: db.uriFor('writer'), heapMiB: WRITER_HEAP_MIB, args: [] }),
])
afterAll(async () => {
  for (const one of [reader, writer, db]) await one[Symbol.asyncDispose]()
})

/** Uses a new connection, which is closed after the response. */
const getHit = (): Promise<Response> =>
  fetch(`${reader.url}/v1/products/hit`, { headers: { connection: 'close' } })

const document = { id: 'hit', name: 'Hit', price: 1, stock: 1 }
await eventually(async () => {
  const written = await fetch(`${writer.url}/v1/products/hit`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(document),
  })
  expect([200, 201]).toContain(written.status)
})
await eventually(async () => expect((await getHit()).status).toBe(200))

/** A position this many seconds after that of the reader. */
async function ahead(seconds: number): Promise<string> {
  const answer = await getHit()
  const now = parseSourcePosition(answer.headers.get('freshet-position') ?? '')
  if (now === undefined) throw new Error('expected a position')
  return formatSourcePosition(now.source, positionOf(highOf(now.at) + seconds, 1))
}

const host = 'Host: a\r\n'
const body = JSON.stringify({ name: 'x', price: 1, stock: 1 })
const post = `POST /v1/products HTTP/1.1\r\n${host}Content-Type: application/json\r\n`
const hit = `GET /v1/products/hit HTTP/1.1\r\n${host}\r\n`
const tunnel = `CONNECT a:1 HTTP/1.1\r\n${host}\r\n`
const upgrade = `GET /v1/products/hit HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`
const waiting = (position: string, seconds: number): string =>
  `GET /v1/products/miss HTTP/1.1\r\n${host}Freshet-At-Least: ${position}\r\nPrefer: wait=${seconds}\r\n\r\n`
const wait = waiting(await ahead(50), 1)
const hopeless = `GET /livez HTTP/1.1\r\n${host}Expect: x\r\n\r\n`
const chunks = `${post}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\n{"n\r\n1\r\na\r\n0\r\nX-Trailer: v\r\n\r\n`

const kinds: readonly (readonly [string, string])[] = [
  ['a hit', hit],
  ['a miss that waits', wait],
  ['a probe', `GET /readyz HTTP/1.1\r\n${host}\r\n`],
  ['a body', `${post}Content-Length: ${body.length}\r\n\r\n${body}`],
  ['a chunked body', chunks],
  [
    'a body after 100-continue',
    `${post}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  ],
  ['an expectation', hopeless],
  ['CONNECT', tunnel],
  ['an Upgrade', upgrade],
  ['CONNECT after a request without a host', `GET / HTTP/1.1\r\n\r\n${tunnel}`],
  ['everything in one', hit + wait + hopeless + upgrade + hit + chunks],
  ['CONNECT after a waiting request', wait + upgrade + hit + tunnel],
  ['garbage after a request', `${hit}\0\x16\x03garbage\r\n\r\n`],
  ['two lengths', `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
]

type Ending = 'cut' | 'reset' | 'half-close'

/** Resolves when the connection has closed; how it ends does not matter. */
function speak(port: number, texts: readonly string[], ending: Ending): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.resume()
    for (const text of texts) socket.write(text, 'latin1')
    if (ending === 'half-close') socket.end()
    else if (ending === 'cut') socket.once('connect', () => socket.destroySoon())
    else socket.once('connect', () => socket.resetAndDestroy())
  })
}

const portsOf = (service: ServiceProcess): readonly number[] =>
  [service.url, service.managementUrl].map((url) => Number(new URL(url).port))
const ports = [...portsOf(reader), ...portsOf(writer)]

/** Both public ports, and one of the management ports, which run the same code. */
const portsAt = (at: number): readonly number[] =>
  [reader, writer].flatMap((service, nth) => portsOf(service).slice(0, at % 2 === nth ? 2 : 1))

/**
 * Concurrency by ending. Half-closed connections mostly wait for their answers. The others end before a service has
 * accepted them, so more of them at once would overflow its listen backlog.
 */
const pools: readonly (readonly [endings: readonly Ending[], atOnce: number])[] = [
  [['cut', 'reset'], 48],
  [['half-close'], 144],
]

/** Runs this many jobs at once. */
async function inParallel(jobs: Iterator<() => Promise<void>>, count: number): Promise<number> {
  let done = 0
  const work = async (): Promise<void> => {
    for (let next = jobs.next(); !next.done; next = jobs.next(), done++) await next.value()
  }
  await Promise.all(Array.from({ length: count }, work))
  return done
}

async function expectWell(before: ReadonlyMap<ServiceProcess, number>): Promise<void> {
  for (const service of [reader, writer]) {
    expect(service.isAlive).toBe(true)
    expect(service.errors).toEqual([])
    // Waiting requests are eventually answered, and no connection remains.
    await eventually(async () => {
      const status: unknown = await (await fetch(`${service.managementUrl}/statusz`)).json()
      expect(status).toMatchObject({ connections: 0 })
      // The connections of this test itself.
      expect(service.openFiles).toBeLessThanOrEqual((before.get(service) ?? 0) + 8)
    })
    const heap = service === reader ? READER_HEAP_MIB : WRITER_HEAP_MIB
    expect(service.residentMiB).toBeLessThan(heap + BESIDE_MIB)
  }
  expect((await fetch(`${reader.url}/v1/products/hit`, { headers: { connection: 'close' } })).status).toBe(
    200,
  )
  expect((await fetch(`${writer.managementUrl}/readyz`)).status).toBe(200)
}

const filesNow = (): ReadonlyMap<ServiceProcess, number> =>
  new Map([reader, writer].map((service) => [service, service.openFiles]))

test('no connection cut, reset or half-closed at any byte of any request crashes a service or leaks', async () => {
  const before = filesNow()
  function* everywhere(endings: readonly Ending[]): Generator<() => Promise<void>> {
    for (const [, text] of kinds)
      for (let at = 0; at <= text.length; at++)
        for (const ending of endings)
          for (const port of portsAt(at)) yield () => speak(port, [text.slice(0, at)], ending)
  }
  const connections = await Promise.all(
    pools.map(([endings, atOnce]) => inParallel(everywhere(endings), atOnce)),
  )
  expect(connections.reduce((sum, count) => sum + count)).toBeGreaterThan(15_000)
  await expectWell(before)
})

test('a random mix of requests in arbitrary chunks crashes or leaks nothing either', async () => {
  const before = filesNow()
  const mixed = (random: SeededRandom): readonly string[] => {
    const text = Array.from({ length: 1 + random.below(5) }, () => random.pick(kinds)[1]).join('')
    // Corrupts a few bytes.
    const bytes = Buffer.from(text, 'latin1')
    for (let flips = random.below(3); flips > 0; flips--)
      bytes[random.below(bytes.length)] = random.below(256)
    const cut = random.below(bytes.length + 1)
    return [bytes.subarray(0, cut), random.below(2) ? bytes.subarray(cut) : Buffer.alloc(0)].map((part) =>
      part.toString('latin1'),
    )
  }
  function* many(endings: readonly Ending[], random: SeededRandom): Generator<() => Promise<void>> {
    for (let count = 0; count < 1_000 * endings.length; count++) {
      const texts = mixed(random)
      const ending = random.pick(endings)
      const port = random.pick(ports)
      yield () => speak(port, texts, ending)
    }
  }
  const random = seededRandom()
  const mixes = pools.map(([endings, atOnce], nth) => inParallel(many(endings, random.fork(nth)), atOnce))
  expect(await Promise.all(mixes)).toEqual([2_000, 1_000])
  await expectWell(before)
})

test('P9 130 clients with large requests pipelined behind a waiting one do not exceed the memory limit of a reader', async () => {
  const before = filesNow()
  const long = waiting(await ahead(50), 10)
  const large = `GET /v1/products/hit HTTP/1.1\r\n${host}X: ${'x'.repeat(15_000)}\r\n\r\n`
  const [port = 0] = portsOf(reader)
  const clients = Array.from({ length: 130 }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.write(long + large.repeat(99))
    return socket
  })
  const metrics = async (): Promise<string> => await (await fetch(`${reader.managementUrl}/metrics`)).text()
  const openAtMost = async (most: number): Promise<void> => {
    const [, open] = /^freshet_http_connections (\d+)$/m.exec(await metrics()) ?? []
    expect(Number(open)).toBeLessThanOrEqual(most)
  }
  await eventually(async () => {
    const [, bytes] = /^freshet_in_flight_bytes\{part="heads"\} (\d+)$/m.exec(await metrics()) ?? []
    expect(Number(bytes)).toBeGreaterThan(2 ** 20)
  })
  for (let times = 0; times < 50; times++) {
    expect((await getHit()).status).toBe(200)
    expect(reader.residentMiB).toBeLessThan(READER_HEAP_MIB + BESIDE_MIB)
  }
  for (const socket of clients) socket.resetAndDestroy()
  await eventually(() => openAtMost(8))
  await expectWell(before)
})
