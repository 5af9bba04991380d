import { afterEach, expect, test } from '@jest/globals'
import { ByteBudget, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import express from 'express'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { BodyBudget, ClientGone, receiveBody } from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

const MAX_BYTES = 100_000
const inFlight = new ByteBudget({ maxBytes: 40 * MAX_BYTES, clock: systemClock })
const budget = new BodyBudget({ bodies: inFlight.part('bodies'), writes: inFlight.part('writes') })

afterEach(() => eventually(() => expect(budget.takenBytes).toBe(0)))

type Before = (request: IncomingMessage, next: (nothing?: undefined) => void) => void

/** A host app that does something to a request before the body is received. */
async function openHost(before: Before, parser?: express.RequestHandler) {
  const counts = { entered: 0, settled: 0, errors: new Array<unknown>() }
  const app = express()
  if (parser) app.use(parser)
  app.use((request, _response, next) => before(request, next))
  app.use((request, response) => {
    counts.entered++
    return budget
      .lend(response, async (share) => void response.end(await receiveBody(request, MAX_BYTES, share)))
      .catch((error: unknown) => {
        counts.errors.push(error)
        bench.fail(request, response, error)
      })
      .finally(() => counts.settled++)
  })
  const bench = await openShell((request, response) => app(request, response))
  return { ...bench, counts, [Symbol.asyncDispose]: () => bench.shell.close(0) }
}

const post = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const sizes = ['{"a":"é"}', `"${'é'.repeat(40_000)}"`]

test.each<[string, Before]>([
  ['paused', (request, next) => next(void request.pause())],
  [
    'paused a tick before',
    (request, next) => {
      request.pause()
      setImmediate(next)
    },
  ],
  [
    'paused a tick later',
    (request, next) => {
      next()
      request.pause()
      process.nextTick(() => request.pause())
    },
  ],
  [
    'piped and unpiped',
    (request, next) => {
      const target = new PassThrough()
      request.pipe(target)
      request.unpipe(target)
      next()
    },
  ],
  ['piped to an unread stream', (request, next) => next(void request.pipe(new PassThrough()))],
  ['observed', (request, next) => next(void request.on('data', () => undefined))],
])('S13 a request that was %s is received whole', async (_how, before) => {
  await using host = await openHost(before)
  for (const body of sizes) {
    using client = new RawClient(host.url)
    client.send(post(body))
    await eventually(() => expect(client.text.endsWith(body)).toBe(true))
  }
  expect(host.log.lines).toEqual([])
})

test.each<[string, RegExp, Before]>([
  ['decoded', /decoded before/, (request, next) => next(void request.setEncoding('utf8'))],
  [
    'decoded while being received',
    /decoded before/,
    (request, next) => {
      next()
      request.setEncoding('utf8')
    },
  ],
  [
    'consumed by others',
    /already read/,
    (request, next) => next(void request.on('readable', () => undefined)),
  ],
  [
    'read long before',
    /already read/,
    (request, next) => void request.resume().on('close', () => setImmediate(next)),
  ],
])('S13 a body that was %s is 500, and the log says why', async (_how, message, before) => {
  await using host = await openHost(before)
  for (const body of sizes) {
    using client = new RawClient(host.url)
    client.send(post(body))
    await eventually(() => expect(client.text).toMatch(/^HTTP\/1\.1 500 /))
  }
  expect(host.log.lines).toMatchObject(
    sizes.map(() => ({ level: 'error', fields: { err: { message: expect.stringMatching(message) } } })),
  )
})

test('S13 a request whose client disconnected settles, whether or not a parser read it', async () => {
  for (const parser of [express.json(), undefined]) {
    const held: (() => void)[] = []
    await using host = await openHost((_request, next) => void held.push(next), parser)
    const client = new RawClient(host.url)
    client.send(post('{"a":1}'))
    await eventually(() => expect(held).toHaveLength(1))
    client.socket.destroy()
    await eventually(() => expect(host.shell.openSockets).toBe(0))
    for (const next of held) next()
    await eventually(() => expect(host.counts).toMatchObject({ entered: 1, settled: 1 }))
    expect(host.counts.errors).toEqual([parser ? expect.any(TypeError) : expect.any(ClientGone)])
  }
})
