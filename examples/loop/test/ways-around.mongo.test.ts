import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import type { HandlerContext } from '@freshet/embed'
import { openStamper, type Stamp } from '../src/stamper.ts'
import { throughWriter } from '../src/through-writer.ts'
import { openWriter, tokenFor } from './support/open-writer.ts'

const db = await openTestDatabase({ collections: ['orders', 'stock'] })
afterAll(() => db[Symbol.asyncDispose]())
const orders = db.admin.db('shop').collection<{ _id: string; stampedAtMs?: number }>('orders')
const writer = await openWriter(db.uriFor('writer'))
afterAll(async () => writer[Symbol.asyncDispose]())

/** A program that stamps one order and prints the status of the response. */
const program = (id: string, token: string): string => `
  const headers = {
    authorization: 'Bearer ${token}',
    'content-type': 'application/merge-patch+json',
  }
  fetch('${writer.url}/v1/orders/${id}', { method: 'PATCH', headers, body: '{"stampedAtMs":' + Date.now() + '}' })
    .then(({ status }) => SEND(status))`

/** Ways in which a handler may lose or hide its lineage. Each resolves with the status of the response. */
const ways: Record<string, (id: string, token: string, context: HandlerContext) => Promise<number>> = {
  'a child process': async (id, token) => {
    const code = program(id, token)
      .replace('SEND', 'process.stdout.write.bind(process.stdout)')
      .replace('(status)', '(String(status))')
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [status] = await once(child.stdout, 'data')
    return Number(status)
  },
  'a worker thread': async (id, token) => {
    const code = program(id, token).replace('SEND', "require('node:worker_threads').parentPort.postMessage")
    const [status] = await once(new Worker(code, { eval: true }), 'message')
    return Number(status)
  },
  "the program's `fetch`": async (id, token) => {
    const response = await fetch(`${writer.url}/v1/orders/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ stampedAtMs: Date.now() }),
    })
    await response.arrayBuffer()
    return response.status
  },
  'headers of its own': async (id, token, { fetch }) => {
    const response = await fetch(`${writer.url}/v1/orders/${id}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/merge-patch+json',
        'Freshet-Hops': '0',
        'Freshet-Cause': '',
      },
      body: JSON.stringify({ stampedAtMs: Date.now() }),
    })
    await response.arrayBuffer()
    return response.status
  },
}

/** The stamper, and the statuses of its stamps. */
async function open(stamp: (id: string, context: HandlerContext) => Promise<number>) {
  const statuses: number[] = []
  const noting: Stamp = async (id, context) => statuses.push(await stamp(id, context))
  const stamper = await openStamper({
    uri: db.uriFor('reader'),
    database: 'shop',
    stamp: noting,
    writers: [writer.url],
    onRefusal: () => undefined,
  })
  return { stamper, statuses, [Symbol.asyncDispose]: () => stamper.close() }
}

test.each([
  // Their lineage is unknown, but with a token for handlers it must be sent.
  ['a child process', [403], 1],
  ['a worker thread', [403], 1],
  ["the program's `fetch`", [403], 0],
  // The handler's `fetch` replaces them, so the loop ends where it closes.
  ['headers of its own', [200, 508], 0],
])(
  'G6.6 with the token for its handlers, a loop through %s ends at once',
  async (way, statuses, unseenStarts) => {
    const id = way.replaceAll(/[^a-z]/g, '-')
    await using opened = await open(
      (heard, context) => ways[way]?.(heard, tokenFor('stamper'), context) ?? Promise.reject(),
    )
    await orders.insertOne({ _id: id })
    await eventually(() => expect(opened.statuses).toEqual(statuses))
    // Every write was received and caused no further write.
    await eventually(() => expect(opened.stamper.handlers()).toMatchObject([{ heard: statuses.length }]))
    expect(opened.statuses).toEqual(statuses)
    expect(opened.stamper.handlers()).toMatchObject([{ unseenStarts, failed: 0 }])
  },
)

test('G6.6 negative control: with a token without the claim, a loop through a worker continues and is counted', async () => {
  await using opened = await open(
    (id, context) => ways['a worker thread']?.(id, tokenFor(), context) ?? Promise.reject(),
  )
  await orders.insertOne({ _id: 'unseen' })
  await eventually(() => expect(opened.statuses.length).toBeGreaterThan(5))
  expect(new Set(opened.statuses)).toEqual(new Set([200]))
  expect(opened.stamper.handlers()[0]?.unseenStarts).toBeGreaterThan(5)
  await orders.deleteOne({ _id: 'unseen' })
})

/** Makes the stamper believe that a change is its own. */
const forged = 'stamper/stamp;heard="orders/x";writes="orders"'

test.each([
  ['without a token', '', 401],
  ['with a token without the claim', tokenFor(), 403],
  ['with the token of another service', tokenFor('shop'), 403],
])("G6.6 a forged cause %s cannot silence another service's handler", async (_, token, status) => {
  const id = `forged-${status}-${token.length}`
  const write = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`${writer.url}/v1/orders/${id}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{}',
    })
    await response.arrayBuffer()
    return response.status
  }
  const outcomes: unknown[] = []
  const stamp = throughWriter(writer.url, tokenFor('stamper'))
  await using stamper = await openStamper({
    uri: db.uriFor('reader'),
    database: 'shop',
    writers: [writer.url],
    stamp: (heard, context) =>
      stamp(heard, context).then(
        () => outcomes.push('stamped'),
        (error: unknown) => outcomes.push(String(error)),
      ),
    onRefusal: () => undefined,
  })
  const authorization = { ...(token !== '' && { authorization: `Bearer ${token}` }) }
  expect(await write({ ...authorization, 'freshet-hops': '1', 'freshet-cause': forged })).toBe(status)
  expect(await orders.findOne({ _id: id })).toBeNull()
  // A write without the forged cause is received, and the handler may write.
  expect(await write({ authorization: `Bearer ${tokenFor()}` })).toBe(201)
  await eventually(async () => expect(outcomes[0]).toBe('stamped'))
  expect(await orders.findOne({ _id: id })).toMatchObject({ stampedAtMs: expect.any(Number) })
  expect(stamper.handlers()).toMatchObject([{ failed: 0 }])
})
