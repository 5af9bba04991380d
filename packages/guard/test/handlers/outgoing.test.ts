import { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, request, type ClientRequest, type Server } from 'node:http'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseLineage } from '@freshet/protocol'
import type { ChangeHandler } from '../../src/handlers/contract.ts'
import type { HandlerOptions } from '../../src/handlers/change-handlers.ts'
import { lineageHeaders } from '../../src/handlers/outgoing.ts'
import { change, never, serviceOf } from './support.ts'

const seen = new Map<string, string>()
let server: Server
let url = ''
beforeAll(async () => {
  server = createServer((request, response) => {
    const { 'freshet-hops': hops, 'freshet-cause': cause } = request.headers
    seen.set(request.url ?? '', `${String(hops)} ${String(cause)}`)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const call = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> => {
  await (await fetch(url + path, { headers })).arrayBuffer()
}

/** Runs one handler once, in a service of its own. */
async function inHandler(
  handle: ChangeHandler['handle'],
  options: Partial<HandlerOptions> = {},
): Promise<void> {
  const { handlers } = serviceOf(options)
  const handler = {
    name: 'h',
    collections: ['c'],
    allowWrites: [{ collection: 'd', reason: 'a test' }],
    handle,
  }
  try {
    await handlers.add(handler).hear(change('c/1'), never)
  } finally {
    handlers.remove(handler)
  }
}

const said = '1 s/h;heard="c/1";writes="d"'

test('G6.1 a request out of a handler says what it descends from, and one from elsewhere says nothing', async () => {
  await inHandler(() => call('/inside'))
  await call('/outside')
  expect(seen.get('/inside')).toBe(said)
  expect(seen.get('/outside')).toBe('undefined undefined')
})

test('G6.1 the cause goes with promises and timers', async () => {
  await inHandler(async () => {
    await Promise.resolve()
    await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise<void>((resolve, reject) => {
      setImmediate(() => queueMicrotask(() => void call('/later').then(resolve, reject)))
    })
  })
  expect(seen.get('/later')).toBe(said)
})

test('G6.1 handlers that run at the same time over the same connections do not mix their causes', async () => {
  const { handlers } = serviceOf()
  const names = Array.from({ length: 20 }, (_, n) => `h${n}`)
  await Promise.all(
    names.map(async (name) => {
      const runs = handlers.add({ name, collections: ['c'], handle: () => call(`/${name}`) })
      await Promise.all([runs.hear(change(`c/${name}`), never), call(`/beside-${name}`)])
    }),
  )
  for (const name of names) {
    handlers.remove({ name, collections: [], handle: () => undefined })
    expect(seen.get(`/${name}`)).toBe(`1 s/${name};heard="c/${name}";writes=""`)
    expect(seen.get(`/beside-${name}`)).toBe('undefined undefined')
  }
})

test('G6.1 who is told can be said, and what was said by hand is not said twice', async () => {
  await inHandler(() => call('/stranger'), { tells: (origin) => origin !== url })
  expect(seen.get('/stranger')).toBe('undefined undefined')
  await inHandler(() => call('/by-hand', lineageHeaders()))
  expect(seen.get('/by-hand')).toBe(said)
  expect(lineageHeaders()).toEqual({})
})

/** What a handler may say by hand, so that it looks like nobody's write, or like somebody else's. */
const pretexts: readonly Readonly<Record<string, string>>[] = [
  { 'freshet-hops': '0', 'freshet-cause': '' },
  { 'Freshet-Hops': '0' },
  { 'FRESHET-CAUSE': '' },
  { 'freshet-hops': '1', 'freshet-cause': 'other/h;heard="c/1";writes="d"' },
]

test.each(pretexts)('G6.1 a handler cannot say by hand that it is none: %j', async (headers) => {
  await inHandler(async () => {
    await call('/pretext', headers)
    await callByHttp('/http-pretext', headers)
  })
  expect(seen.get('/pretext')).toBe(said)
  expect(seen.get('/http-pretext')).toBe(said)
})

/** Requests of undici as its channel tells of them, by the form of their headers in version 5 and from 6 on. */
test.each<[unknown, unknown]>([
  ['a: 1\r\nfreshet-hops: 0\r\nFreshet-Cause: \r\nb: 2\r\n', 'a: 1\r\nb: 2\r\n'],
  [
    ['a', '1', 'Freshet-Hops', '0', 'freshet-cause', '', 'b', '2'],
    ['a', '1', 'b', '2'],
  ],
])('G6.1 nor in a request of a copy of undici that nobody else uses', async (headers, rest) => {
  const added: [string, string][] = []
  const made = {
    origin: url,
    headers,
    addHeader: (name: string, value: string) => void added.push([name, value]),
  }
  await inHandler(() => {
    Object.assign(made, { [Symbol('handler')]: new AsyncResource('request') })
    channel('undici:request:create').publish({ request: made })
  })
  expect(made.headers).toEqual(rest)
  expect(Object.fromEntries(added)).toEqual({ 'freshet-hops': '1', 'freshet-cause': said.slice(2) })
})

test('G6.1 an origin about which `tells` fails is told, and that is logged: nobody else may fail by it', async () => {
  const { handlers, log } = serviceOf({
    tells: () => {
      throw new Error('not for this one')
    },
  })
  const handler = { name: 'h', collections: ['c'], handle: () => call('/failing') }
  await handlers.add(handler).hear(change('c/1'), never)
  handlers.remove(handler)
  expect(seen.get('/failing')).toBe('1 s/h;heard="c/1";writes=""')
  expect(log.lines).toMatchObject([
    { level: 'error', fields: { origin: url }, message: '`tells` threw; the origin is told' },
  ])
})

/** A request by node:http, of which Node.js tells from 22.12 on as it is done here. */
async function callByHttp(path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const outgoing: ClientRequest = request(url + path, { headers })
  channel('http.client.request.created').publish({ request: outgoing })
  const [response] = await once(outgoing.end(), 'response')
  response.resume()
  await once(response, 'end')
}

test('G6.1 so does a request by node:http, where Node.js tells of it', async () => {
  await inHandler(() => callByHttp('/http'))
  await inHandler(() => callByHttp('/http-by-hand', lineageHeaders()))
  await inHandler(() => callByHttp('/http-stranger'), { tells: (origin) => origin !== url })
  await callByHttp('/http-outside')
  const [http, byHand, stranger, outside] = ['', '-by-hand', '-stranger', '-outside'].map((end) =>
    seen.get(`/http${end}`),
  )
  expect([http, byHand]).toEqual([said, said])
  expect([stranger, outside]).toEqual(['undefined undefined', 'undefined undefined'])
})

test('G6.1 the chain grows by one hop, in the form that the writer reads', async () => {
  const { handlers } = serviceOf()
  const handler = { name: 'h', collections: ['c'], handle: () => call('/second') }
  const first = { handler: 'shop/price', heard: 'products/1', writes: ['c'] }
  await handlers.add(handler).hear(change('c/1', [first]), never)
  handlers.remove(handler)
  const [hops, ...cause] = (seen.get('/second') ?? '').split(' ')
  expect(hops).toBe('2')
  expect(parseLineage(cause.join(' '))).toEqual([first, { handler: 's/h', heard: 'c/1', writes: [] }])
})

test('G6.1 negative control: when no handler is there, nothing is added to any request', async () => {
  const { handlers } = serviceOf()
  const handler = { name: 'h', collections: ['c'], handle: () => call('/unhooked') }
  const runs = handlers.add(handler)
  handlers.remove(handler)
  await runs.hear(change('c/1'), never)
  expect(seen.get('/unhooked')).toBe('undefined undefined')
})
