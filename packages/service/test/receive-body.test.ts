import { afterEach, expect, test } from '@jest/globals'
import { ByteBudget, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import express from 'express'
import { createHash } from 'node:crypto'
import type { Handler } from '../src/contract.ts'
import { BodyBudget, ClientGone, receiveBody } from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

const MAX_BYTES = 100_000
const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex')
const inFlight = new ByteBudget({ maxBytes: 400 * MAX_BYTES, clock: systemClock })
const budget = new BodyBudget({
  bodies: inFlight.part('bodies'),
  writes: inFlight.part('writes'),
})
const echo: Handler = (request, response) =>
  budget.lend(
    response,
    async (share) => void response.end(digest(await receiveBody(request, MAX_BYTES, share))),
  )

const inExpress: Handler = (() => {
  const app = express()
  app.post('/', (request, response) => echo(request, response))
  app.use(((error, request, response, _next) =>
    fail.current(request, response, error)) satisfies express.ErrorRequestHandler)
  return app
})()
const fail: { current: (...given: [Parameters<Handler>[0], Parameters<Handler>[1], unknown]) => void } = {
  current: () => undefined,
}

test.each([0, 1, 65_537, MAX_BYTES])(
  'a body of %d bytes is received whole, at once and in pieces',
  async (size) => {
    await using bench = await openShell(echo)
    const body = 'é'.repeat(size / 2) + (size % 2 ? 'x' : '')
    const whole = await fetch(bench.url, { method: 'POST', body })
    expect(await whole.text()).toBe(digest(body))
    const pieces = new ReadableStream({
      start(controller) {
        const bytes = Buffer.from(body)
        for (let at = 0; at < bytes.length; at += 30_000) controller.enqueue(bytes.subarray(at, at + 30_000))
        controller.close()
      },
    })
    const chunked = await fetch(bench.url, { method: 'POST', body: pieces, duplex: 'half' })
    expect(await chunked.text()).toBe(digest(body))
  },
)

test('a body that declares to be too large is 413 before a byte of it is sent', async () => {
  await using bench = await openShell(echo)
  using client = new RawClient(bench.url)
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${MAX_BYTES + 1}\r\n\r\n`)
  await eventually(() => expect(client.text).toMatch(/^HTTP\/1\.1 413 [\s\S]*at most 100000 bytes/))
})

test('a body in pieces is 413 as soon as it is too large, and the connection can be reused', async () => {
  await using bench = await openShell(echo)
  using client = new RawClient(bench.url)
  const chunk = `${(60_000).toString(16)}\r\n${'a'.repeat(60_000)}\r\n`
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`)
  await eventually(() => expect(client.text).toMatch(/^HTTP\/1\.1 413 /))
  client.send(`${chunk}0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na`)
  await eventually(() => expect(client.text).toContain(digest('a')))
})

test('a client that waits for 100 receives it when the body is wanted, and only the refusal when it is not', async () => {
  await using bench = await openShell(echo)
  const head = (length: number) =>
    `POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
  using wanted = new RawClient(bench.url)
  wanted.send(head(1))
  await eventually(() => expect(wanted.text).toMatch(/^HTTP\/1\.1 100 /))
  wanted.send('a')
  await eventually(() => expect(wanted.text).toContain(digest('a')))
  expect(wanted.text).not.toMatch(/connection: close/i)
  using refused = new RawClient(bench.url)
  refused.send(head(MAX_BYTES + 1))
  const answer = await refused.untilClosed()
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  expect(answer).toMatch(/connection: close/i)
})

test('a body with a content encoding is 415 with the accepted one, which may be named', async () => {
  await using bench = await openShell(echo)
  const send = (encoding: string) =>
    fetch(bench.url, { method: 'POST', body: 'x', headers: { 'content-encoding': encoding } })
  const refused = await send('gzip')
  expect([refused.status, refused.headers.get('accept-encoding')]).toEqual([415, 'identity'])
  for (const encoding of ['identity', 'Identity']) expect((await send(encoding)).status).toBe(200)
})

test('a client that disconnects ends the wait with ClientGone, and nothing is logged as a failure', async () => {
  const seen: unknown[] = []
  await using bench = await openShell(async (request, response) => {
    await budget
      .lend(response, (share) => receiveBody(request, MAX_BYTES, share))
      .catch((error: unknown) => {
        seen.push(error)
        throw error
      })
  })
  const client = new RawClient(bench.url)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
  await eventually(() => expect(bench.shell.requests).toBe(1))
  client.socket.destroy()
  await eventually(() => expect(seen).toEqual([expect.any(ClientGone)]))
  expect(bench.log.lines).toEqual([])
})

afterEach(() => eventually(() => expect(budget.takenBytes).toBe(0)))

test('an Express app behind the HTTP shell reads bodies and fails the same way', async () => {
  await using bench = await openShell(inExpress)
  fail.current = bench.fail
  const good = await fetch(bench.url, { method: 'POST', body: 'abc' })
  expect(await good.text()).toBe(digest('abc'))
  const bad = await fetch(bench.url, { method: 'POST', body: 'x'.repeat(MAX_BYTES + 1) })
  expect([bad.status, bad.headers.get('content-type')]).toEqual([413, 'application/problem+json'])
})
