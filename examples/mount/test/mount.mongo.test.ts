import { afterAll, expect, test } from '@jest/globals'
import { openReader, readerHandler, type Reader } from '@freshet/reader'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { openWriter, writerRouter } from '@freshet/writer'
import express, { type ErrorRequestHandler } from 'express'
import { SignJWT } from 'jose'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { priceRoute } from '../src/price-route.ts'
import { readerInExpress } from '../src/reader-in-express.ts'
import { readerInFastify } from '../src/reader-in-fastify.ts'
import { readerInNode } from '../src/reader-in-node.ts'
import { writerInExpress } from '../src/writer-in-express.ts'

const secret = 'a secret of the tests that is long enough'
const db = await openTestDatabase({ collections: ['products'] })
const folder = await mkdtemp(join(tmpdir(), 'freshet-mount-'))
await writeFile(join(folder, 'products.json'), JSON.stringify({ type: 'object' }))
const common = { database: db.database, collections: folder, 'token-secret': secret }
const writer = await openWriter({ settings: { ...common, 'mongodb-uri': db.uriFor('writer') } })
const reader = await openReader({ settings: { ...common, 'mongodb-uri': db.uriFor('reader') } })

afterAll(async () => {
  await Promise.all([writer.close(), reader.close()])
  await db[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function token(roles: readonly string[] = []): Promise<string> {
  const jwt = await new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('freshet')
    .setAudience('freshet')
    .setSubject('ann')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
  return `Bearer ${jwt}`
}

const authorization = await token()

/** A listening server and its URL. */
async function listening(server: Server): Promise<{ readonly url: string } & AsyncDisposable> {
  if (!server.listening) server.listen(0, '127.0.0.1')
  if (!server.listening) await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

const served = (handle: RequestListener): ReturnType<typeof listening> => listening(createServer(handle))

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Sends a request with a token and a JSON body. */
async function ask(url: string, { method = 'GET', headers = {}, body }: Sent = {}): Promise<Response> {
  return await fetch(url, {
    method,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

test('an Express app accepts writes below a path of its choice, and keeps its own routes', async () => {
  await using host = await served(writerInExpress(writer))
  const created = await ask(`${host.url}/data/products`, { method: 'POST', body: { id: 'a|b', price: 1 } })
  expect([created.status, created.headers.get('location')]).toEqual([201, '/data/products/a%7Cb'])
  const location = new URL(created.headers.get('location') ?? '', host.url)
  const etag = created.headers.get('etag') ?? ''
  const patch = { 'content-type': 'application/merge-patch+json', 'if-match': etag }
  const patched = await ask(location.href, { method: 'PATCH', headers: patch, body: { price: 2 } })
  expect([patched.status, await patched.json()]).toEqual([200, { id: 'a|b', price: 2 }])
  const again = await ask(location.href, { method: 'PATCH', headers: patch, body: { price: 3 } })
  expect([again.status, again.headers.get('content-type')]).toEqual([412, 'application/problem+json'])
  expect((await ask(location.href, { method: 'DELETE' })).status).toBe(204)
  const get = await ask(location.href)
  expect([get.status, get.headers.get('allow')]).toEqual([405, 'PUT, PATCH, DELETE, OPTIONS'])
  expect(
    (await ask(`${host.url}/data/products`, { method: 'POST', headers: { authorization: '' } })).status,
  ).toBe(401)
  expect(await (await ask(host.url)).text()).toBe('my app')
  expect(await (await ask(`${host.url}/echo`, { method: 'POST', body: { x: 1 } })).json()).toEqual({ x: 1 })
  // The app handles paths that the router does not know.
  expect((await ask(`${host.url}/data/a/b/c`)).headers.get('content-type')).toMatch(/^text\/html/)
})

/** The status for a request target that is sent as is. */
async function statusOf(port: number, method: string, target: string): Promise<number | undefined> {
  const headers = { authorization, 'content-type': 'application/json' }
  const sent = request({ port, host: '127.0.0.1', method, path: target, headers, agent: false })
  sent.end(method === 'PUT' ? '{}' : undefined)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

test('a percent-encoded letter selects the same route and role on the writer and the reader', async () => {
  const routes = [
    { ...priceRoute, path: '/{collection}/latest' },
    { ...priceRoute, who: 'public' as const },
  ]
  const apps: readonly RequestListener[] = [
    express().use('/data', writerRouter(writer, { routes })),
    readerHandler(reader, { prefix: '/data', routes }),
  ]
  for (const app of apps) {
    await using host = await served(app)
    const port = Number(new URL(host.url).port)
    for (const id of ['latest', 'l%61test', '%6c%61test'])
      expect([id, await statusOf(port, 'PUT', `/data/products/${id}`)]).toEqual([id, 403])
    expect(await statusOf(port, 'GET', '/data/products/lamp/%70rice')).toBe(200)
  }
  expect(
    await db.admin.db(db.database).collection<{ _id: string }>('products').findOne({ _id: 'latest' }),
  ).toBeNull()
})

test('a URL that parsers interpret differently is refused with 400, and deletes nothing', async () => {
  await using host = await served(writerInExpress(writer))
  await ask(`${host.url}/data/products/victim`, { method: 'PUT', body: {} })
  const port = Number(new URL(host.url).port)
  for (const path of ['victim#x', 'victim#', 'victim#/../../orders', 'x\\..#', 'victim\\'])
    expect([path, await statusOf(port, 'DELETE', `/data/products/${path}`)]).toEqual([path, 400])
  expect(await statusOf(port, 'DELETE', 'ftp://h/data/products/victim')).toBe(400)
  expect(await statusOf(port, 'DELETE', 'http://h/data/products/victim')).toBe(204)
})

test('a stored answer has the Location of the mount that the request was sent to', async () => {
  const app = express().use('/one', writerRouter(writer)).use('/deep/er', writerRouter(writer))
  await using host = await served(app)
  const sent = { method: 'POST', headers: { 'idempotency-key': 'k1' }, body: { id: 'kept' } }
  const locations: unknown[] = []
  for (const path of ['one', 'deep/er', 'one'])
    locations.push((await ask(`${host.url}/${path}/products`, sent)).headers.get('location'))
  expect(locations).toEqual(['/one/products/kept', '/deep/er/products/kept', '/one/products/kept'])
})

test("the app's error middleware receives problems if configured, with status and headers", async () => {
  const seen: unknown[] = []
  const watch: ErrorRequestHandler = (error, _request, response, next) => {
    seen.push([error.code, error.status])
    if (error.code === 'unauthenticated') response.status(error.status).set(error.headers).send('mine')
    else next(error)
  }
  const app = express()
  app.use('/data', writerRouter(writer, { errors: 'passed' }))
  app.use(watch)
  app.set('env', 'test')
  await using host = await served(app)
  const stranger = await ask(`${host.url}/data/products`, { method: 'POST', headers: { authorization: '' } })
  expect([stranger.status, await stranger.text()]).toEqual([401, 'mine'])
  expect(stranger.headers.get('www-authenticate')).toMatch(/^Bearer/)
  // Express's default response, because the app has none of its own.
  expect((await ask(`${host.url}/data/nothing`, { method: 'POST', body: {} })).status).toBe(404)
  expect((await ask(`${host.url}/data/products/%ff`, { method: 'PUT', body: {} })).status).toBe(400)
  expect(seen).toMatchObject([
    ['unauthenticated', 401],
    ['unknown-collection', 404],
    ['bad-url', 400],
  ])
})

test('a body that other middleware has consumed is 500 at once, and the log says why', async () => {
  const app = express().use(express.json()).use('/data', writerRouter(writer))
  await using host = await served(app)
  expect((await ask(`${host.url}/data/products`, { method: 'POST', body: { id: 'x' } })).status).toBe(500)
})

test.each<[string, (reader: Reader) => Promise<{ readonly url: string } & AsyncDisposable>]>([
  ['node:http', (mounted) => listening(readerInNode(mounted))],
  ['Express', (mounted) => served(readerInExpress(mounted))],
  [
    'fastify',
    async (mounted) => {
      const app = readerInFastify(mounted)
      await app.listen({ port: 0, host: '127.0.0.1' })
      return await listening(app.server)
    },
  ],
])('%s answers reads below a path of its choice, and keeps its own routes', async (_, mount) => {
  await db.admin
    .db(db.database)
    .collection<{ _id: string; price: number }>('products')
    .replaceOne({ _id: 'lamp' }, { price: 5 }, { upsert: true })
  await using host = await mount(reader)
  const now = { 'freshet-at-least': 'now' }
  const miss = await ask(`${host.url}/data/products/lamp`, { headers: now })
  expect([miss.status, await miss.json()]).toEqual([200, { id: 'lamp', price: 5 }])
  const hit = await ask(`${host.url}/data/products/lamp`)
  expect([hit.headers.get('cache-status'), await hit.json()]).toEqual([
    'freshet; hit',
    { id: 'lamp', price: 5 },
  ])
  const etag = hit.headers.get('etag') ?? ''
  expect((await ask(`${host.url}/data/products/lamp`, { headers: { 'if-none-match': etag } })).status).toBe(
    304,
  )
  const items = await ask(`${host.url}/data/products?ids=lamp,none`)
  expect(await items.json()).toEqual({ items: [{ id: 'lamp', price: 5 }], missing: ['none'] })
  const head = await ask(`${host.url}/data/products/lamp`, { method: 'HEAD' })
  expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, etag, ''])
  for (const [path, headers, status] of [
    ['products/none', {}, 404],
    ['nothing/lamp', {}, 404],
    ['products/a%2Fb', {}, 400],
    ['products/lamp', { authorization: '' }, 401],
  ] as const) {
    const refused = await ask(`${host.url}/data/${path}`, { headers })
    expect([path, refused.status, refused.headers.get('content-type')]).toEqual([
      path,
      status,
      'application/problem+json',
    ])
  }
  const options = await ask(`${host.url}/data/products/lamp`, { method: 'OPTIONS' })
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS'])
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    const other = await ask(`${host.url}/data/products/lamp`, { method, body: 1 })
    expect([method, other.status, other.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD, OPTIONS'])
  }
  expect(await (await ask(host.url)).text()).toBe('my app')
})

test.each<[string, string, RequestListener]>([
  ['the reader', '/api', readerHandler(reader, { prefix: '/api', routes: [priceRoute] })],
  [
    'the reader in Express',
    '/api/v2',
    express().use('/api', readerHandler(reader, { prefix: '/v2', routes: [priceRoute] })),
  ],
  ['the writer', '/api', express().use('/api', writerRouter(writer, { routes: [priceRoute] }))],
])('a custom route of %s is one file and one row', async (_, base, app) => {
  await using host = await served(app)
  const url = `${host.url}${base}/products/lamp/price`
  const shop = { authorization: await token(['shop']) }
  const answer = await ask(`${url}?currency=CHF`, { headers: shop })
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { currency: 'CHF', links: { document: `${base}/products/lamp` }, sub: 'ann' },
  ])
  expect((await ask(url, { method: 'PUT', headers: shop })).status).toBe(200)
  expect(await (await ask(url, { method: 'HEAD', headers: shop })).text()).toBe('')
  expect((await ask(url, { headers: { authorization: '' } })).status).toBe(401)
  expect((await ask(url)).status).toBe(403)
  expect((await ask(`${url}?coin=1`, { headers: shop })).status).toBe(400)
  expect((await ask(`${host.url}${base}/nothing/lamp/price`, { headers: shop })).status).toBe(404)
  expect((await ask(`${host.url}${base}/products/a%2Fb/price`, { headers: shop })).status).toBe(400)
  const refused = await ask(url, { method: 'DELETE', headers: shop })
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, OPTIONS'])
  const options = await ask(url, { method: 'OPTIONS' })
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, PUT, OPTIONS'])
})

test('invalid options are refused on opening, and invalid routes on mounting', async () => {
  const settings = { ...common, 'mongodb-uri': db.uriFor('writer') }
  await expect(openWriter({ settings: { ...settings, 'max-bodies': '1MiB' } })).rejects.toThrow(/MAX_BODIES/)
  await expect(openWriter({ settings: { ...common, 'no-tokens': 'true' } })).rejects.toThrow()
  await expect(openReader({ settings })).rejects.toThrow(/may/)
  const clash = { ...priceRoute, path: '/products/all' }
  expect(() => writerRouter(writer, { routes: [clash] })).toThrow(/same name/)
  expect(() => readerHandler(reader, { routes: [clash] })).toThrow(/same name/)
  expect(() => writerRouter(writer, { routes: [{ ...priceRoute, path: '/{a}/{b}' }] })).toThrow(/two routes/)
})

test('a closed reader answers with a reason', async () => {
  const settings = { ...common, 'mongodb-uri': db.uriFor('reader') }
  const own = await openReader({ settings })
  await using host = await listening(readerInNode(own))
  expect((await ask(`${host.url}/data/products/none`)).status).toBe(404)
  await own.close()
  await own.close()
  expect((await ask(`${host.url}/data/products/lamp`)).status).toBe(503)
  await eventually(() => expect(own.unready()).toBeDefined())
})
