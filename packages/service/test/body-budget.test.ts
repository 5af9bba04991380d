import { expect, test } from '@jest/globals'
import { ByteBudget, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { Handler } from '../src/contract.ts'
import { BodyBudget, receiveBody } from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

const MAX_BODY = 1_000
const MAX_BODIES = 1_500

interface BenchOptions {
  /** Of the body, after it was read. */
  readonly until?: Promise<unknown>
  readonly writesBytes?: number
}

/** Answers with the length of a body, once `until` resolves. */
function bench({ until = Promise.resolve(), writesBytes = 1_000_000 }: BenchOptions = {}) {
  let skippedMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + skippedMs }
  const budget = new ByteBudget({ maxBytes: 2_000_000, clock })
  const bodies = budget.part('bodies', MAX_BODIES)
  const writes = budget.part('writes', writesBytes)
  const requests = new BodyBudget({ bodies, writes })
  const handle: Handler = (request, response) =>
    requests.lend(response, async (share) => {
      const { length } = await receiveBody(request, MAX_BODY, share)
      share.made(length)
      await until
      response.end(`length ${length}`)
    })
  return { requests, bodies, writes, handle, skip: (ms: number) => void (skippedMs += ms) }
}

const post = (field: string) => `POST / HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`
const declaring = (length: number) => post(`Content-Length: ${length}`)
const piece = (length: number) => `${length.toString(16)}\r\n${'a'.repeat(length)}\r\n`
const inPieces = post('Transfer-Encoding: chunked')
const gate = (): { until: Promise<unknown>; open: (value?: unknown) => void } => {
  let open: (value?: unknown) => void = () => undefined
  return { until: new Promise((resolve) => (open = resolve)), open: (value) => open(value) }
}

test('heads that declare large bodies but send none reserve nothing', async () => {
  const { bodies, handle } = bench()
  await using shell = await openShell(handle)
  const idle = Array.from({ length: 64 }, () => new RawClient(shell.url))
  for (const client of idle) client.send(declaring(MAX_BODY))
  await eventually(() => expect(shell.shell.requests).toBe(64))
  expect(bodies.takenBytes).toBe(0)
  using honest = new RawClient(shell.url)
  honest.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(honest.text).toContain('length 1000'))
  for (const client of idle) client[Symbol.dispose]()
})

test.each([
  ['declares its length', declaring(MAX_BODY)],
  ['does not declare its length', inPieces],
])('a body that %s reserves what has arrived and at most the same again', async (_how, head) => {
  const { bodies, handle } = bench()
  await using shell = await openShell(handle)
  using client = new RawClient(shell.url)
  const bytes = (length: number) => (head === inPieces ? piece(length) : 'a'.repeat(length))
  client.send(head + bytes(10))
  await eventually(() => expect(bodies.takenBytes).toBe(10))
  client.send(bytes(10))
  await eventually(() => expect(bodies.takenBytes).toBe(40))
  client.send(bytes(800))
  await eventually(() => expect(bodies.takenBytes).toBe(MAX_BODY))
})

test('a body without capacity while it arrives is 503, and the others continue', async () => {
  const { bodies, handle } = bench()
  await using shell = await openShell(handle)
  using first = new RawClient(shell.url)
  first.send(inPieces + piece(900))
  await eventually(() => expect(bodies.takenBytes).toBe(900))
  using second = new RawClient(shell.url)
  second.send(inPieces + piece(500))
  await eventually(() => expect(bodies.takenBytes).toBe(1_400))
  second.send(piece(300))
  await eventually(() =>
    expect(second.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1[\s\S]*problems\/overloaded/i),
  )
  await eventually(() => expect(bodies.takenBytes).toBe(900))
  first.send(`${piece(100)}0\r\n\r\n`)
  await eventually(() => expect(first.text).toContain('length 1000'))
  await eventually(() => expect(bodies.takenBytes).toBe(0))
})

test('a stalled body makes way for one that arrives, and is reported', async () => {
  const { bodies, handle, skip } = bench()
  await using shell = await openShell(handle)
  using still = new RawClient(shell.url)
  still.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY - 1))
  await eventually(() => expect(bodies.takenBytes).toBe(MAX_BODY - 1))
  using refused = new RawClient(shell.url)
  refused.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY - 1))
  await eventually(() => expect(refused.text).toMatch(/^HTTP\/1\.1 503 /))
  skip(4_001)
  using honest = new RawClient(shell.url)
  honest.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(honest.text).toContain('length 1000'))
  await eventually(() => expect(still.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*too slowly/))
})

test('a body in many small pieces is received whole and takes no more than the largest body', async () => {
  const { bodies, handle } = bench()
  await using shell = await openShell(handle)
  using client = new RawClient(shell.url)
  client.send(inPieces + piece(1).repeat(MAX_BODY))
  await eventually(() => expect(bodies.takenBytes).toBe(MAX_BODY))
  client.send('0\r\n\r\n')
  await eventually(() => expect(client.text).toContain(`length ${MAX_BODY}`))
})

test('what a disconnected client had begun to send is released', async () => {
  const { requests, handle } = bench()
  await using shell = await openShell(handle)
  const client = new RawClient(shell.url)
  client.send(`${declaring(MAX_BODY)}abc`)
  await eventually(() => expect(requests.takenBytes).toBe(3))
  client.socket.destroy()
  await eventually(() => expect(requests.takenBytes).toBe(0))
})

test('what is made of a body counts until the work has ended, even after its client has disconnected', async () => {
  const { until, open } = gate()
  const { requests, bodies, writes, handle } = bench({ until })
  await using shell = await openShell(handle)
  const client = new RawClient(shell.url)
  client.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(writes.takenBytes).toBe(MAX_BODY))
  expect(bodies.takenBytes).toBe(0)
  client.socket.destroy()
  await eventually(() => expect(shell.shell.openSockets).toBe(0))
  expect(requests.takenBytes).toBe(MAX_BODY)
  open()
  await eventually(() => expect(requests.takenBytes).toBe(0))
})

test('a complete body waits for the capacity it may need while it is parsed, up to twenty times its size', async () => {
  const { until, open } = gate()
  const { writes, handle } = bench({ until, writesBytes: 20_000 })
  await using shell = await openShell(handle)
  using first = new RawClient(shell.url)
  first.send(declaring(100) + 'a'.repeat(100))
  await eventually(() => expect(writes.takenBytes).toBe(100))
  using second = new RawClient(shell.url)
  second.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(writes.waiting).toBe(1))
  expect(second.text).toBe('')
  open()
  await eventually(() => expect(first.text).toContain('length 100'))
  await eventually(() => expect(second.text).toContain('length 1000'))
  await eventually(() => expect(writes.takenBytes).toBe(0))
})

test('a body that waits for capacity is dropped when its client disconnects', async () => {
  const { until, open } = gate()
  const { requests, writes, handle } = bench({ until, writesBytes: 20_000 })
  await using shell = await openShell(handle)
  using first = new RawClient(shell.url)
  first.send(declaring(100) + 'a'.repeat(100))
  await eventually(() => expect(writes.takenBytes).toBe(100))
  const second = new RawClient(shell.url)
  second.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(writes.waiting).toBe(1))
  second.socket.destroy()
  await eventually(() => expect([writes.waiting, requests.takenBytes]).toEqual([0, 100]))
  open()
})
