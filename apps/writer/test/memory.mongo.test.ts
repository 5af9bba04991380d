import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, openChild, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { connect } from 'node:net'
import { bearer, secret } from './support/open-writer.ts'

const MiB = 2 ** 20

/** The sizes of docs/operations.md: a heap of 64 MiB and 100 bodies, the memory in flight, and 150 MiB. */
const HEAP_MIB = 164
const IN_FLIGHT_MIB = 64
const allowedBytes = (HEAP_MIB + IN_FLIGHT_MIB + 150) * MiB

let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase({ own: true })
})
afterAll(() => db[Symbol.asyncDispose]())

const merge = { 'content-type': 'application/merge-patch+json' }

test('P9 150 clients that patch a document of 15 MB and never read the answer leave capacity for others', async () => {
  const products = db.admin
    .db('shop')
    .collection<{ _id: string; name: string; text: string; price: number; stock: number }>('products')
  await products.insertOne({ _id: 'large', name: 'large', text: 'x'.repeat(15_000_000), price: 1, stock: 1 })
  await using writer = await openChild({
    app: 'writer',
    secret,
    uri: db.uriFor('writer'),
    heapMiB: HEAP_MIB,
    argv: [`--in-flight-size=${IN_FLIGHT_MIB}MiB`],
  })
  const authorization = await bearer()
  const head = `PATCH /v1/products/large HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n`
  const body = 'Content-Type: application/merge-patch+json\r\nContent-Length: 2\r\n\r\n{}'
  await eventually(async () => expect((await fetch(`${writer.managementUrl}/readyz`)).status).toBe(200))
  const silent = Array.from({ length: 150 }, () => {
    const socket = connect(Number(new URL(writer.url).port), '127.0.0.1').on('error', () => undefined)
    socket.pause().write(head + body)
    return socket
  })
  await eventually(async () =>
    expect(await writer.figure('in_flight_bytes', 'writes')).toBeGreaterThan(14 * MiB),
  )
  const put = (id: string, price: number): Promise<Response> =>
    fetch(`${writer.url}/v1/products/${id}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'small', price, stock: 1 }),
    })
  // At first 150 writes arrive at once; then those to the large document queue, but do not take all slots.
  await eventually(async () => expect((await put('first', 1)).status).toBe(201))
  for (let n = 0; n < 20; n += 1) expect((await put(`small-${n}`, n)).status).toBe(201)
  // A client that reads succeeds as well, once those that do not were disconnected.
  await eventually(async () => {
    const answer = await fetch(`${writer.url}/v1/products/large`, {
      method: 'PATCH',
      headers: { authorization, ...merge },
      body: '{"price":2}',
    })
    await answer.arrayBuffer()
    expect(answer.status).toBe(200)
  })
  expect(await writer.peakBytes()).toBeLessThan(allowedBytes)
  for (const socket of silent) socket.destroy()
  await eventually(async () => expect(await writer.figure('in_flight_bytes', 'writes')).toBe(0))
  await eventually(async () => expect(await writer.figure('in_flight_bytes', 'large_looks')).toBe(0))
})
