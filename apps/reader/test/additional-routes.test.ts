import { expect, test } from '@jest/globals'
import type { Route } from '@freshet/service'
import { bearer, openReader } from './support/open-reader.ts'

const row = (path: string, who: Route['who']): Route => ({
  methods: ['GET'],
  path,
  who,
  answer: ({ response }) => void response.end(path),
})

/** Requests the cached document behind each of these ids. */
const ids = ['latest', 'a:history', 'a'] as const

async function openWith(routes: readonly Route[]) {
  const reader = await openReader({ routes })
  for (const id of ids)
    for (const collection of ['products', 'orders']) {
      reader.replica.put(`${collection}/${id}`, `{"id":"${id}"}`)
      reader.replica.hold(`${collection}/${id}`)
    }
  return reader
}

test.each(['/{collection}/latest', '/{collection}/{id}:history'])(
  'a cached document does not answer for %s, which requires a role',
  async (path) => {
    await using reader = await openWith([row(path, 'role:shop')])
    const id = path.endsWith('latest') ? 'latest' : 'a:history'
    const headers = { authorization: await bearer() }
    for (const method of ['GET', 'HEAD'])
      for (const collection of ['products', 'orders'])
        for (const query of ['', '?x=1']) {
          const url = `/v1/${collection}/${id}${query}`
          expect([url, (await reader.ask(url, { method, headers })).status]).toEqual([url, 403])
          expect([url, (await reader.ask(url, { method })).status]).toEqual([url, 401])
        }
    // Other documents are still answered from the cache.
    const hit = await reader.ask('/v1/products/a')
    expect([hit.status, hit.headers.get('cache-status')]).toEqual([200, 'freshet; hit'])
  },
)

test('a route for another method keeps its 405, whatever is cached', async () => {
  await using reader = await openWith([{ ...row('/{collection}/latest', 'public'), methods: ['POST'] }])
  const answer = await reader.ask('/v1/products/latest')
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
})

test.each([
  ['/{collection}/latest', '/v1/orders/latest'],
  ['/{collection}/latest', '/v1/orders/l%61test'],
  ['/{collection}/{id}:history', '/v1/orders/a:history'],
  ['/{collection}/{id}/price', '/v1/orders/a/price'],
])('the public route %s needs no token, whatever its collection requires', async (path, url) => {
  await using reader = await openWith([row(path, 'public')])
  const answer = await reader.ask(url)
  expect([answer.status, await answer.text()]).toEqual([200, path])
  expect((await reader.ask('/v1/orders/a')).status).toBe(401)
  const headers = { authorization: await bearer() }
  expect((await reader.ask('/v1/orders/a', { headers })).headers.get('cache-status')).toBe('freshet; hit')
})
