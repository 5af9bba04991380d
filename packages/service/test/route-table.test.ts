import { expect, test } from '@jest/globals'
import { ProblemError } from '@freshet/protocol'
import express, { type ErrorRequestHandler } from 'express'
import { createServer } from 'node:http'
import {
  documentParameters,
  RouteTable,
  type Call,
  type Claims,
  type Fail,
  type Handler,
  type Route,
  type Verifier,
} from '../src/index.ts'
import { openShell, RawClient } from './open-shell.ts'

/** Answers with the matched route and its arguments. */
const say =
  (name: string) =>
  ({ response, parameters, query, base, claims }: Call): void =>
    void response.end(JSON.stringify({ name, parameters, query: [...query], base, sub: claims?.sub }))

const row = (methods: Route['methods'], path: string, more: Partial<Route> = {}): Route => ({
  methods,
  path,
  who: 'public',
  answer: say(path),
  ...more,
})

const routes: readonly Route[] = [
  row(['GET', 'PUT'], '/{collection}/{id}'),
  row(['GET'], '/{collection}', { query: ['ids'] }),
  row(['GET'], '/{collection}:changes'),
  row(['POST'], '/:batch'),
  row(['DELETE'], '/{collection}/all'),
  row(['GET'], '/{collection}/{id}/price'),
  row(['GET', 'PUT'], '/{collection}/latest'),
]

const known: Claims = { sub: 'ann', roles: ['shop'], handlers: [], groups: [], expiresAt: 0, issuedAt: 0 }

/** Accepts `ann` synchronously, and `slow` with a promise. */
const tokens: Verifier = {
  verify: (header) => {
    if (header === 'ann') return known
    if (header === 'slow') return Promise.resolve(known)
    throw new ProblemError('unauthenticated', { detail: 'no token' })
  },
}

function tableOf(rows: readonly Route[] = routes): RouteTable {
  return new RouteTable({
    routes: rows,
    tokens,
    parameters: documentParameters((name) => ['products', 'Products'].includes(name)),
  })
}

/** The table as the reader mounts it. */
const byItself = (table: RouteTable): Handler => table.handlerAt('/v1')

/** The table as Express middleware: nothing else sees the URL first. */
function byExpress(table: RouteTable, fail: () => Fail): Handler {
  const app = express()
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use('/v1', table.middleware())
  app.use(refuse)
  const answer: ErrorRequestHandler = (error, request, response, _next) => fail()(request, response, error)
  const server = createServer(app.use(answer))
  return (request, response) => void server.emit('request', request, response)
}

/** The table as middleware without Express, as the writer mounts it on its own port. */
const byPrefix =
  (table: RouteTable): Handler =>
  (...call) =>
    table.middleware('/v1')(...call, refuse)

function refuse(): never {
  throw new ProblemError('unknown-path')
}

/** Whether Express, which matches mount paths without decoding them, finds another path there. */
const missesMount = (url: string): boolean => /^\/(?:%|v1\\)/.test(url)

const mounts = ['itself', 'prefix', 'Express'] as const

/** The answer of a port with these routes to a request line. */
async function asked(
  mount: (typeof mounts)[number],
  line: string,
  rows = routes,
  authorization = '',
): Promise<string> {
  const table = tableOf(rows)
  const handlers = { itself: byItself, prefix: byPrefix, Express: () => byExpress(table, () => bench.fail) }
  await using bench = await openShell(handlers[mount](table))
  using client = new RawClient(bench.url)
  const token = authorization === '' ? '' : `Authorization: ${authorization}\r\n`
  client.send(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${token}\r\n`)
  return await client.untilClosed()
}

const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
const document = (id: string, collection = 'products'): object => ({
  name: '/{collection}/{id}',
  parameters: { collection, id },
})

const understood: readonly (readonly [string, object])[] = [
  ['/v1/products/p1', document('p1')],
  ['/v1/products/A~b@c|d:e.f-G_', document('A~b@c|d:e.f-G_')],
  ['/v1/products/...', document('...')],
  ['/v1/products/p%31', document('p1')],
  ['/v1/products/a%7Cb', document('a|b')],
  ['/v1/%70roducts/p1', document('p1')],
  ['/%761/products/p1', document('p1')],
  ['/v1/Products/P1', document('P1', 'Products')],
  ['http://host:80/v1/products/p1', document('p1')],
  ['/v1/products', { name: '/{collection}', query: [] }],
  ['/v1/products?ids=a,b', { name: '/{collection}', query: [['ids', 'a,b']] }],
  ['/v1/products?ids=a%2Cb+c', { name: '/{collection}', query: [['ids', 'a,b c']] }],
  ['/v1/products:changes', { name: '/{collection}:changes', parameters: { collection: 'products' } }],
  ['/v1/products:ch%61nges', { name: '/{collection}:changes', parameters: { collection: 'products' } }],
  ['/v1/products/l%61test', { name: '/{collection}/latest', parameters: { collection: 'products' } }],
  ['/v1/products/p1/%70rice', { name: '/{collection}/{id}/price', parameters: { id: 'p1' } }],
]

const rejected: Readonly<Record<string, readonly string[]>> = {
  'unknown-path': [
    '/',
    '/v1',
    '/v1/',
    '/V1/products/p1',
    '/v2/products/p1',
    '/v1//p1',
    '/v1/products/',
    '/v1/products/p1/',
    '/v1/products/p1/x',
    '/v1/products:',
    '/v1/:',
    '/v1/a%2Fb',
    '/v1/a%2Fb/c',
    '/v1/products:other',
    '/v1/products:CHANGES',
    '//v1/products/p1',
  ],
  'unknown-collection': ['/v1/other', '/v1/other/p1', '/v1/PRODUCTS/p1'],
  'bad-id': [
    '/v1/products/.',
    '/v1/products/..',
    '/v1/products/%2e%2E',
    '/v1/products/a%2Fb',
    '/v1/products/a%2531',
    '/v1/products/%C3%A9',
    '/v1/products/a%00',
    `/v1/products/${'a'.repeat(257)}`,
  ],
  'bad-url': [
    '/v1/products/%',
    '/v1/products/%zz',
    '/v1/products/%C3',
    '/v1/%/p1',
    '/v1/%ff',
    '/%ff/a/b',
    '/v1/products?ids=%zz',
    '/v1/products?ids=a&ids=b',
    '/v1/products/victim#',
    '/v1/products/victim#x',
    '/v1/products/victim#/../../orders',
    '/v1/products?ids=victim#x',
    '/v1#/products/victim',
    '/v1/products\\victim',
    '/v1/products\\victim#',
    '/v1\\products/victim',
    '/v1/products/..\\victim',
    'ftp://host/v1/products/victim',
    'ws://host/v1/products/victim',
    'http://host/v1/products/victim#x',
  ],
  'bad-query': ['/v1/products?id=a', '/v1/products/p1?ids=a'],
}

test.each(mounts)('S1 a URL is parsed once, and equally when mounted by %s: accepted', async (mount) => {
  for (const [url, expected] of understood) {
    if (mount === 'Express' && missesMount(url)) continue
    expect([url, bodyOf(await asked(mount, `GET ${url}`))]).toMatchObject([url, { ...expected, base: '/v1' }])
  }
})

test.each(mounts)('S1 a URL is parsed once, and equally when mounted by %s: refused', async (mount) => {
  for (const [code, urls] of Object.entries(rejected))
    for (const url of urls) {
      if (mount === 'Express' && missesMount(url)) continue
      expect([url, bodyOf(await asked(mount, `GET ${url}`))]).toMatchObject([
        url,
        { type: `https://freshet.dev/problems/${code}` },
      ])
    }
})

test.each(mounts)(
  'S1 mounted by %s, a percent-encoded letter selects the same route and role',
  async (mount) => {
    const rows = routes.filter(({ path }) => path !== '/{collection}/latest')
    rows.push(row(['GET', 'PUT'], '/{collection}/latest', { who: 'role:admin' }))
    for (const method of ['GET', 'PUT'])
      for (const id of ['latest', 'l%61test', '%6C%61%74%65%73%74'])
        expect(await asked(mount, `${method} /v1/products/${id}`, rows, 'ann')).toMatch(/^HTTP\/1\.1 403 /)
  },
)

test('S1 Express passes on the parameters of a route as its own', async () => {
  const seen: unknown[] = []
  const look = ({ request }: Call & { readonly request: { readonly params?: unknown } }): unknown =>
    seen.push(request.params)
  const rows = [row(['GET'], '/{collection}/{id}', { answer: (call) => (look(call), say('it')(call)) })]
  await asked('Express', 'GET /v1/products/a%7Cb', rows)
  expect(seen).toEqual([{ collection: 'products', id: 'a|b' }])
})

test('S1 a backslash in the query is accepted, because browsers send it', async () => {
  for (const mount of mounts)
    expect(bodyOf(await asked(mount, 'GET /v1/products?ids=a\\b'))).toMatchObject({
      query: [['ids', 'a\\b']],
    })
})

test.each(mounts)('S2 mounted by %s, HEAD, OPTIONS and Allow follow from the routes', async (mount) => {
  const head = await asked(mount, 'HEAD /v1/products/p1')
  expect(head).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/)
  expect(await asked(mount, 'OPTIONS /v1/products/p1')).toMatch(
    /^HTTP\/1\.1 204 [^]*allow: GET, HEAD, PUT, OPTIONS\r\n/i,
  )
  expect(await asked(mount, 'OPTIONS /v1/:batch')).toMatch(/^HTTP\/1\.1 204 [^]*allow: POST, OPTIONS\r\n/i)
  expect(await asked(mount, 'DELETE /v1/products/p1')).toMatch(
    /^HTTP\/1\.1 405 [^]*allow: GET, HEAD, PUT, OPTIONS\r\n/i,
  )
  expect(await asked(mount, 'DELETE /v1/products/all')).toMatch(/^HTTP\/1\.1 200 /)
  expect(await asked(mount, 'GET /v1/:batch')).toMatch(/^HTTP\/1\.1 405 [^]*allow: POST, OPTIONS\r\n/i)
})

test('S2 a method without a route is 405 for every path', async () => {
  for (const url of ['/v1/products/p1', '/v1/other', '/nothing', '*'])
    expect(await asked('itself', `PROPFIND ${url}`)).toMatch(
      /^HTTP\/1\.1 405 [^]*allow: GET, HEAD, PUT, POST, DELETE, OPTIONS\r\n/i,
    )
})

test.each(mounts)(
  'S3 mounted by %s, a route defines who has access, and others learn nothing else',
  async (mount) => {
    const rows = [
      row(['GET'], '/{collection}', { who: 'authenticated' }),
      row(['GET'], '/admin/keys', { who: 'role:admin' }),
      row(['GET'], '/shop/keys', {
        who: ({ base }) => ({ who: 'role:shop', why: `a token for ${base}, please` }),
      }),
    ]
    const ask = async (path: string, token = ''): Promise<unknown> =>
      bodyOf(await asked(mount, `GET /v1/${path}`, rows, token))
    expect(await ask('products?wrong=1')).toMatchObject({ status: 401, detail: 'no token' })
    for (const token of ['ann', 'slow']) {
      expect(await ask('products', token)).toMatchObject({ sub: 'ann' })
      expect(await ask('products?wrong=1', token)).toMatchObject({ status: 400 })
      expect(await ask('admin/keys', token)).toMatchObject({ status: 403 })
      expect(await ask('shop/keys', token)).toMatchObject({ sub: 'ann' })
    }
    expect(await ask('shop/keys')).toMatchObject({ status: 401, detail: 'a token for /v1, please' })
    expect(await ask('shop/keys', 'other')).toMatchObject({ status: 401, detail: 'no token' })
  },
)

test('S3 a table without tokens answers only public routes', () => {
  const table = new RouteTable({ routes: [row(['GET'], '/x', { who: 'authenticated' })] })
  const request = { method: 'GET', url: '/x', headers: { authorization: 'ann' } }
  expect(() => Reflect.apply(table.handlerAt(''), undefined, [request, {}])).toThrow(/unauthenticated/)
})

test.each([
  [
    'the same path and method twice',
    [row(['GET'], '/{collection}'), row(['GET'], '/{name}')],
    /two routes answer GET/,
  ],
  ['an invalid path', [row(['GET'], 'products')], /expected a path/],
  ['a path with an empty segment', [row(['GET'], '/a//b')], /expected a path/],
  ['a path with the same parameter twice', [row(['GET'], '/{id}/{id}')], /each parameter once/],
  ['a path with an invalid character', [row(['GET'], '/a*')], /expected a path/],
])('S4 %s is refused when the table is created', (_, rows, message) => {
  expect(() => tableOf(rows)).toThrow(message)
})

test('S4 a collection cannot have the same name as a path', () => {
  const table = tableOf([...routes, row(['GET'], '/status/now')])
  expect(() => table.rejectNameConflicts(['products', 'status'])).toThrow(/\/status\/now/)
  expect(() => table.rejectNameConflicts(['products'])).not.toThrow()
})
