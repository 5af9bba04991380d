import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from '@jest/globals'
import type { ChangeHandler, HandlerContext } from '../src/contract.ts'
import { inHandler, originOf, seen, server, stranger, told } from './fake-writer.ts'
import { change, never, serviceOf } from './support.ts'

test.each<[string, (context: HandlerContext) => Promise<unknown>, string]>([
  ['by string', ({ fetch }) => fetch(`${originOf(server)}/200`), `writer GET /200 ${told}`],
  ['by URL', ({ fetch }) => fetch(new URL(`${originOf(server)}/200`)), `writer GET /200 ${told}`],
  [
    'by Request',
    ({ fetch }) => fetch(new Request(`${originOf(server)}/200`, { method: 'PUT', body: '{}' })),
    `writer PUT /200 ${told}`,
  ],
  [
    'after a tick',
    async ({ fetch }) => {
      await new Promise((resolve) => setImmediate(resolve))
      await fetch(`${originOf(server)}/200`, { method: 'POST' })
    },
    `writer POST /200 ${told}`,
  ],
])('G6.1 a request to a declared writer carries its lineage: %s', async (_, ask, line) => {
  expect(await inHandler(async (__, context) => void (await ask(context)))).toMatchObject({
    seen: [line],
    errors: [],
  })
})

test('G6.1 other origins receive no lineage and get the plain fetch', async () => {
  const outcome = await inHandler(async (_, { fetch }) => {
    await fetch(`${originOf(stranger)}/200`, { method: 'POST', headers: { 'x-other': '1' } })
    // When the writer's origin redirects, the lineage goes no further, and neither does the token.
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

test('G6.1 the global fetch carries no lineage, inside and outside of handlers', async () => {
  const outcome = await inHandler(async () => void (await fetch(`${originOf(server)}/200`)))
  expect(outcome.seen).toEqual(['writer GET /200 [|]'])
})

test('G6.1 `headers` are what another HTTP client has to send', async () => {
  const outcome = await inHandler(async (_, { headers }) => {
    const asked = request(`${originOf(server)}/201`, { method: 'PUT', headers }).end()
    const [response] = await once(asked, 'response')
    response.resume()
  })
  expect(outcome.seen).toEqual([`writer PUT /201 ${told}`])
})

/** Headers that a handler may set by hand to hide or forge its lineage. */
const pretexts: readonly Readonly<Record<string, string>>[] = [
  { 'freshet-hops': '0', 'freshet-cause': '' },
  { 'Freshet-Hops': '0' },
  { 'FRESHET-CAUSE': '' },
  { 'freshet-hops': '1', 'freshet-cause': 'other/h;heard="c/1";writes="d"' },
]

test.each(pretexts)('G6.1 a handler cannot hide its lineage with its own headers: %j', async (headers) => {
  const { seen } = await inHandler(async (_, { fetch }) => {
    await fetch(`${originOf(server)}/200`, { headers })
    await fetch(new Request(`${originOf(server)}/200`, { headers }))
  })
  expect(seen).toEqual([`writer GET /200 ${told}`, `writer GET /200 ${told}`])
})

test('G6.1 concurrent handlers do not mix their causes', async () => {
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
  'G6.1 a writer that is not an origin is refused: "%s"',
  (writer) => {
    expect(() => serviceOf({ writers: [writer] })).toThrow(expect.objectContaining({ code: 'BAD_HANDLER' }))
  },
)

const put: ChangeHandler['handle'] = async (_, { fetch }) =>
  void (await fetch(`${originOf(server)}/200`, { method: 'PUT' }))

test('G7.3 a loop through a writer that lost the cause is stopped before the request is sent', async () => {
  const { seen, status, errors } = await inHandler(put, Array<string>(150).fill('c/1'))
  expect(seen).toHaveLength(100)
  expect(status).toMatchObject({ writes: 100, refusals: { breaker: 50 }, openBreakers: 1 })
  expect(errors.at(-1)).toMatchObject({ code: 'BREAKER_OPEN' })
})

test.each<[string, ChangeHandler['handle']]>([
  ['reads', async (_, { fetch }) => void (await fetch(`${originOf(server)}/200`))],
  [
    'makes requests that the writer refuses',
    async (_, { fetch }) => void (await fetch(`${originOf(server)}/508`, { method: 'PUT' })),
  ],
])('G7.4 a handler that only %s is not stopped', async (_, handle) => {
  const { seen, status } = await inHandler(handle, Array<string>(150).fill('c/1'))
  expect(seen).toHaveLength(150)
  expect(status).toMatchObject({ refusals: { breaker: 0 } })
})
