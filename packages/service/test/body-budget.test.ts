import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { Handler } from '../src/contract.ts'
import { BodyBudget, receiveBody } from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

const MAX_BODY = 1_000
const MAX_BODIES = 1_500

/** Answers the length of a body, as soon as `until` is over. */
function bench(until: Promise<unknown> = Promise.resolve()) {
  const budget = new BodyBudget(MAX_BODIES)
  const handle: Handler = (request, response) =>
    budget.lend(response, async (share) => {
      const { length } = await receiveBody(request, MAX_BODY, share)
      await until
      response.end(`length ${length}`)
    })
  return { budget, handle }
}

const post = (field: string) => `POST / HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`
const declaring = (length: number) => post(`Content-Length: ${length}`)
const piece = (length: number) => `${length.toString(16)}\r\n${'a'.repeat(length)}\r\n`
const inPieces = post('Transfer-Encoding: chunked')

test('a body for which no room is left is 503 before it is sent, and is taken when another one is over', async () => {
  const { budget, handle } = bench()
  await using shell = await openShell(handle)
  using first = new RawClient(shell.url)
  first.send(declaring(MAX_BODY))
  await eventually(() => expect(budget.takenBytes).toBe(MAX_BODY))
  using second = new RawClient(shell.url)
  second.send(post(`Expect: 100-continue\r\nContent-Length: ${MAX_BODY}`))
  const refused = await second.untilClosed()
  expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1[\s\S]*problems\/overloaded/i)
  // What is small enough still goes through.
  using small = new RawClient(shell.url)
  small.send(`${declaring(2)}ab`)
  await eventually(() => expect(small.text).toContain('length 2'))
  first.send('a'.repeat(MAX_BODY))
  await eventually(() => expect(first.text).toContain(`length ${MAX_BODY}`))
  await eventually(() => expect(budget.takenBytes).toBe(0))
  first.send(declaring(MAX_BODY) + 'b'.repeat(MAX_BODY))
  await eventually(() => expect(first.text.match(/length 1000/g)).toHaveLength(2))
})

test('a body that does not say its length is counted as it grows', async () => {
  const { budget, handle } = bench()
  await using shell = await openShell(handle)
  using first = new RawClient(shell.url)
  first.send(inPieces + piece(900))
  await eventually(() => expect(budget.takenBytes).toBe(900))
  using second = new RawClient(shell.url)
  second.send(inPieces + piece(500))
  await eventually(() => expect(budget.takenBytes).toBe(1_400))
  second.send(piece(300))
  await eventually(() => expect(second.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*problems\/overloaded/))
  await eventually(() => expect(budget.takenBytes).toBe(900))
  first.send(`${piece(100)}0\r\n\r\n`)
  await eventually(() => expect(first.text).toContain('length 1000'))
  await eventually(() => expect(budget.takenBytes).toBe(0))
})

test('a body in many small pieces comes back whole and takes no more than the largest body', async () => {
  const { budget, handle } = bench()
  await using shell = await openShell(handle)
  using client = new RawClient(shell.url)
  client.send(inPieces + piece(1).repeat(MAX_BODY))
  await eventually(() => expect(budget.takenBytes).toBe(MAX_BODY))
  client.send('0\r\n\r\n')
  await eventually(() => expect(client.text).toContain(`length ${MAX_BODY}`))
})

test('what a client that goes away had begun to send is given back', async () => {
  const { budget, handle } = bench()
  await using shell = await openShell(handle)
  const client = new RawClient(shell.url)
  client.send(`${declaring(MAX_BODY)}abc`)
  await eventually(() => expect(budget.takenBytes).toBe(MAX_BODY))
  client.socket.destroy()
  await eventually(() => expect(budget.takenBytes).toBe(0))
})

test('what is worked on counts until the work has ended, also when its client is gone', async () => {
  let end: (value?: unknown) => void = () => undefined
  const { budget, handle } = bench(new Promise((resolve) => (end = resolve)))
  await using shell = await openShell(handle)
  const client = new RawClient(shell.url)
  client.send(declaring(MAX_BODY) + 'a'.repeat(MAX_BODY))
  await eventually(() => expect(budget.takenBytes).toBe(MAX_BODY))
  client.socket.destroy()
  await eventually(() => expect(shell.shell.openSockets).toBe(0))
  expect(budget.takenBytes).toBe(MAX_BODY)
  end()
  await eventually(() => expect(budget.takenBytes).toBe(0))
})
