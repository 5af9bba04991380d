import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, openChild, openTestDatabase, type Child, type TestDatabase } from '@freshet/testkit'
import { get } from 'node:http'
import { connect } from 'node:net'
import { secret } from './support/open-reader.ts'

const MiB = 2 ** 20

/** The sizes of docs/operations.md: a heap of cache / 0.75 + 64 MiB, the memory in flight, and 150 MiB. */
const IN_FLIGHT_MIB = 64
const heapFor = (cacheMiB: number): number => Math.ceil(cacheMiB / 0.75) + 64
const allowed = (cacheMiB: number): number => (heapFor(cacheMiB) + IN_FLIGHT_MIB + 150) * MiB

let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase({ own: true })
})
afterAll(() => db[Symbol.asyncDispose]())

const products = () => db.admin.db('shop').collection<{ _id: string; name: string; n?: number }>('products')

async function fill(prefix: string, count: number, bytes: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
  for (let from = 0; from < count; from += 10)
    await products().insertMany(
      ids.slice(from, from + 10).map((_id, n) => ({ _id, name: String(from + n).padEnd(bytes, 'x') })),
    )
  return ids
}

async function openReader(cacheMiB: number, fillWithin = '60s'): Promise<Child> {
  const child = await openChild({
    app: 'reader',
    secret,
    uri: db.uriFor('reader'),
    heapMiB: heapFor(cacheMiB),
    argv: [
      `--cache-size=${cacheMiB}MiB`,
      `--in-flight-size=${IN_FLIGHT_MIB}MiB`,
      `--fill-within=${fillWithin}`,
    ],
  })
  await eventually(async () => expect((await fetch(`${child.url}/v1/products/none`)).status).toBe(404))
  return child
}

/** The status of a response whose whole body was read. */
async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return answer.status
}

/** The same for hundreds of large responses: `fetch` would need more time for them than a reader does. */
function statusOfLarge(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent: false }, (answer) => {
      answer.resume().on('error', reject)
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.on('error', reject)
  })
}

test('P9 one request for 100 documents of 4 MB is refused within the documented memory', async () => {
  const ids = await fill('many', 100, 4_000_000)
  await using reader = await openReader(1)
  expect(await statusOf(`${reader.url}/v1/products?ids=${ids.join()}`)).toBe(422)
  expect(await statusOf(`${reader.url}/v1/products/${ids[0]}`)).toBe(200)

  expect(await reader.peakBytes()).toBeLessThan(allowed(1))

  // 100 at once, 400 MB together; some may be asked to retry.
  const url = (n: number): string => `${reader.url}/v1/products/${ids[n % ids.length]}`
  const statuses = await Promise.all(Array.from({ length: 100 }, (_, n) => statusOfLarge(url(n))))
  expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
  expect(statuses).toContain(200)
  expect(await statusOf(url(0))).toBe(200)
  expect(await reader.peakBytes()).toBeLessThan(allowed(1))
})

test('P9 400 clients that read nothing of 8 MB answers stay within the documented memory, and others are answered', async () => {
  const ids = await fill('slow', 30, 8_000_000)
  // Clients queued before others are refused after that time, and those that read nothing are disconnected.
  await using reader = await openReader(64, '10s')
  const port = Number(new URL(reader.url).port)
  const slow = Array.from({ length: 400 }, (_, n) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.pause().write(`GET /v1/products/${ids[n % ids.length]} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return socket
  })
  await eventually(async () =>
    expect(await reader.figure('in_flight_bytes', 'answers')).toBeGreaterThan(16 * MiB),
  )
  await eventually(async () => expect(await statusOf(`${reader.url}/v1/products/${ids[0]}`)).toBe(200))

  expect(await reader.peakBytes()).toBeLessThan(allowed(64))
  for (const socket of slow) socket.destroy()
  await eventually(async () => expect(await reader.figure('in_flight_bytes', 'answers')).toBe(0))
})

test('P9 documents held by waiting answers have a common limit, although one of each keeps changing', async () => {
  const ids = await fill('pinned', 80 * 190, 15_000)
  await products().insertOne({ _id: 'hot', name: 'hot', n: 0 })
  await using reader = await openReader(64)
  const enough = new AbortController()
  const changing = (async () => {
    while (!enough.signal.aborted) await products().updateOne({ _id: 'hot' }, { $inc: { n: 1 } })
  })()
  try {
    for (let round = 0; round < 2; round += 1) {
      const asked = Array.from({ length: 80 }, (_, n) =>
        statusOf(`${reader.url}/v1/products?ids=${[...ids.slice(n * 190, (n + 1) * 190), 'hot'].join()}`),
      )
      const statuses = await Promise.all(asked)
      expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
      expect(statuses).toContain(200)
    }
  } finally {
    enough.abort()
    await changing
  }

  expect(await reader.peakBytes()).toBeLessThan(allowed(64))
  expect(reader.exitCode).toBeNull()
})
