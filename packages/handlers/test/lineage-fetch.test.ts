import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ChangeHandler, HandlerContext, HandlerStatus } from '../src/contract.ts'
import { change, never, serviceOf } from './support.ts'

/** Stands where a writer would be: writes down what it was told, and answers with the status that the path names. */
let server: Server
let stranger: Server
const seen: string[] = []
const originOf = (server: Server): string => {
  const address = server.address()
  return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
}
beforeAll(async () => {
  const listen = async (name: string): Promise<Server> => {
    const server = createServer(({ method, headers, url = '' }, response) => {
      const { 'freshet-hops': hops = '', 'freshet-cause': cause = '' } = headers
      seen.push(`${name} ${method} ${url} [${String(hops)}|${String(cause)}]`)
      const status = /\d+/.exec(url)?.[0] ?? '200'
      if (status === '307') response.setHeader('location', `${originOf(stranger)}/200`)
      response.writeHead(Number(status)).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  server = await listen('writer')
  stranger = await listen('stranger')
})
afterAll(async () => {
  for (const each of [server, stranger]) {
    each.closeAllConnections()
    each.close()
    await once(each, 'close')
  }
})

/** Runs one handler for each of these changes, and tells what the servers saw and what became of the handler. */
async function inHandler(
  handle: ChangeHandler['handle'],
  changes: readonly string[] = ['c/1'],
): Promise<{ seen: readonly string[]; status: HandlerStatus | undefined; errors: readonly unknown[] }> {
  seen.length = 0
  const { handlers, log } = serviceOf({ writers: [originOf(server)] })
  const handler = {
    name: 'h',
    collections: ['c'],
    allowWrites: [{ collection: 'd', reason: 'a test' }],
    handle,
  }
  const runs = handlers.add(handler)
  for (const key of changes) await runs.hear(change(key), never)
  const [status] = handlers.status()
  handlers.remove(handler)
  return { seen: [...seen], status, errors: log.lines.map(({ fields }) => Reflect.get(fields, 'err')) }
}

const told = '[1|s/h;heard="c/1";writes="d"]'

test.each<[string, (context: HandlerContext) => Promise<unknown>, string]>([
  ['by its text', ({ fetch }) => fetch(`${originOf(server)}/200`), `writer GET /200 ${told}`],
  ['by a URL', ({ fetch }) => fetch(new URL(`${originOf(server)}/200`)), `writer GET /200 ${told}`],
  [
    'by a request',
    ({ fetch }) => fetch(new Request(`${originOf(server)}/200`, { method: 'PUT', body: '{}' })),
    `writer PUT /200 ${told}`,
  ],
  [
    'a moment later',
    async ({ fetch }) => {
      await new Promise((resolve) => setImmediate(resolve))
      await fetch(`${originOf(server)}/200`, { method: 'POST' })
    },
    `writer POST /200 ${told}`,
  ],
])('G6.1 a request to a declared writer tells what it descends from: %s', async (_, ask, line) => {
  expect(await inHandler(async (__, context) => void (await ask(context)))).toMatchObject({
    seen: [line],
    errors: [],
  })
})

test('G6.1 no other origin is told, and what it gets is the plain fetch', async () => {
  const outcome = await inHandler(async (_, { fetch }) => {
    await fetch(`${originOf(stranger)}/200`, { method: 'POST', headers: { 'x-other': '1' } })
    // Redirected by the writer's origin: the lineage stays here, and so does the token.
    await expect(fetch(`${originOf(server)}/307`)).rejects.toThrow()
    const { status } = await fetch(`${originOf(server)}/307`, { redirect: 'manual' })
    expect(status).toBe(307)
  })
  expect(outcome).toMatchObject({
    seen: ['stranger POST /200 [|]', `writer GET /307 ${told}`, `writer GET /307 ${told}`],
    status: { writes: 0 },
    errors: [],
  })
})

test("G6.1 the program's own fetch tells nothing, inside of a handler and outside", async () => {
  const outcome = await inHandler(async () => void (await fetch(`${originOf(server)}/200`)))
  expect(outcome.seen).toEqual(['writer GET /200 [|]'])
})

test('G6.1 `headers` are what another client has to send', async () => {
  const outcome = await inHandler(async (_, { headers }) => {
    const asked = request(`${originOf(server)}/201`, { method: 'PUT', headers }).end()
    const [response] = await once(asked, 'response')
    response.resume()
  })
  expect(outcome.seen).toEqual([`writer PUT /201 ${told}`])
})

/** What a handler may say by hand, so that it looks like nobody's write, or like somebody else's. */
const pretexts: readonly Readonly<Record<string, string>>[] = [
  { 'freshet-hops': '0', 'freshet-cause': '' },
  { 'Freshet-Hops': '0' },
  { 'FRESHET-CAUSE': '' },
  { 'freshet-hops': '1', 'freshet-cause': 'other/h;heard="c/1";writes="d"' },
]

test.each(pretexts)('G6.1 a handler cannot say by hand that it is none: %j', async (headers) => {
  const { seen } = await inHandler(async (_, { fetch }) => {
    await fetch(`${originOf(server)}/200`, { headers })
    await fetch(new Request(`${originOf(server)}/200`, { headers }))
  })
  expect(seen).toEqual([`writer GET /200 ${told}`, `writer GET /200 ${told}`])
})

test('G6.1 handlers that run at the same time do not mix their causes', async () => {
  const { handlers } = serviceOf({ writers: [originOf(server)] })
  const names = Array.from({ length: 20 }, (_, n) => `h${n}`)
  seen.length = 0
  await Promise.all(
    names.map(async (name) => {
      const handle: ChangeHandler['handle'] = async (_, { fetch }) =>
        void (await fetch(`${originOf(server)}/200?${name}`))
      await handlers.add({ name, collections: ['c'], handle }).hear(change(`c/${name}`), never)
    }),
  )
  expect(seen.toSorted()).toEqual(
    names.map((name) => `writer GET /200?${name} [1|s/${name};heard="c/${name}";writes=""]`).toSorted(),
  )
})

test.each(['writer:8080', 'http://writer/v1', 'http://writer/', 'ftp://writer', ''])(
  'G6.1 a writer that is no origin is refused: "%s"',
  (writer) => {
    expect(() => serviceOf({ writers: [writer] })).toThrow(expect.objectContaining({ code: 'BAD_HANDLER' }))
  },
)

const put: ChangeHandler['handle'] = async (_, { fetch }) =>
  void (await fetch(`${originOf(server)}/200`, { method: 'PUT' }))

test('G7.3 a loop through a writer that lost the cause is stopped before the request leaves', async () => {
  const { seen, status, errors } = await inHandler(put, Array<string>(150).fill('c/1'))
  expect(seen).toHaveLength(100)
  expect(status).toMatchObject({ writes: 100, refusals: { breaker: 50 }, openBreakers: 1 })
  expect(errors.at(-1)).toMatchObject({ code: 'BREAKER_OPEN' })
})

test.each<[string, ChangeHandler['handle']]>([
  ['reads', async (_, { fetch }) => void (await fetch(`${originOf(server)}/200`))],
  [
    'asks for what the writer refuses',
    async (_, { fetch }) => void (await fetch(`${originOf(server)}/508`, { method: 'PUT' })),
  ],
])('G7.4 a handler that only %s is not stopped', async (_, handle) => {
  const { seen, status } = await inHandler(handle, Array<string>(150).fill('c/1'))
  expect(seen).toHaveLength(150)
  expect(status).toMatchObject({ refusals: { breaker: 0 } })
})
