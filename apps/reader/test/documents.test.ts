import { connect } from 'node:net'
import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { bearer, openReader } from './support/open-reader.ts'

test('a cached document is answered with its bytes, ETag and position', async () => {
  await using reader = await openReader()
  const position = reader.replica.put('products/a', '{"id":"a","name":"Käse"}')
  reader.replica.hold('products/a')
  const answer = await reader.ask('/v1/products/a')
  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('{"id":"a","name":"Käse"}')
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/json',
    'content-length': '25',
    etag: reader.replica.documents.get('products/a')?.etag,
    'freshet-position': position,
    age: '0',
    'cache-control': 'no-cache',
    'cache-status': 'freshet; hit',
  })
  expect(reader.replica.reads).toBe(0)
})

test('an uncached document is fetched, and the next answer is a hit', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  const first = await reader.ask('/v1/products/a')
  expect([first.status, first.headers.get('cache-status')]).toEqual([200, 'freshet; fwd=miss; stored'])
  const second = await reader.ask('/v1/products/a')
  expect([await second.text(), second.headers.get('cache-status')]).toEqual(['{"id":"a"}', 'freshet; hit'])
})

test('HEAD is GET without the body, for hits and misses', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  for (const via of ['freshet; fwd=miss; stored', 'freshet; hit']) {
    const answer = await reader.ask('/v1/products/a', { method: 'HEAD' })
    expect(answer.headers.get('cache-status')).toBe(via)
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([
      200,
      '10',
      '',
    ])
  }
})

test.each([
  ['its ETag', (etag: string) => etag, 304],
  ['its ETag, marked weak', (etag: string) => `W/${etag}`, 304],
  ['a list that contains it', (etag: string) => `"other", ${etag}`, 304],
  ['a star', () => '*', 304],
  ['another ETag', () => '"other"', 200],
  ['no ETag at all', () => 'nonsense', 400],
])('If-None-Match with %s', async (_what, header, status) => {
  await using reader = await openReader()
  const position = reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  const etag = reader.replica.documents.get('products/a')?.etag ?? ''
  const answer = await reader.ask('/v1/products/a', { headers: { 'if-none-match': header(etag) } })
  expect(answer.status).toBe(status)
  if (status !== 304) return
  expect(await answer.text()).toBe('')
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    etag,
    'freshet-position': position,
    age: '0',
    'cache-control': 'no-cache',
  })
  expect(answer.headers.get('content-length')).toBeNull()
})

test('If-Match for another version is 412 with the current ETag', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  const answer = await reader.ask('/v1/products/a', { headers: { 'if-match': '"other"' } })
  const etag = reader.replica.documents.get('products/a')?.etag ?? ''
  expect([answer.status, answer.headers.get('etag')]).toEqual([412, etag])
  expect((await reader.ask('/v1/products/a', { headers: { 'if-match': etag } })).status).toBe(200)
})

test('a missing document is a fact with a position, and is remembered', async () => {
  await using reader = await openReader()
  for (const via of ['freshet; fwd=miss; stored', 'freshet; hit']) {
    const answer = await reader.ask('/v1/products/none', { headers: { 'if-none-match': '*' } })
    expect([answer.status, answer.headers.get('cache-status')]).toEqual([404, via])
    expect(answer.headers.get('freshet-position')).toBe(reader.replica.positionText)
    expect(await answer.json()).toMatchObject({ type: 'https://freshet.dev/problems/not-found' })
  }
})

test('a percent-encoded URL names the same document, a trailing slash another path', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  const encoded = await reader.ask('/v1/%70roducts/%61')
  expect([encoded.status, encoded.headers.get('cache-status')]).toEqual([200, 'freshet; hit'])
  expect((await reader.ask('/v1/products/a/')).status).toBe(404)
})

test.each([
  ['/v1/nothing/a', 404, 'unknown-collection'],
  ['/v1/nothing?ids=a', 404, 'unknown-collection'],
  ['/v1/Products/a', 404, 'unknown-collection'],
  ['/v2/products/a', 404, 'unknown-path'],
  ['/', 404, 'unknown-path'],
  ['/v1/:batch', 404, 'unknown-path'],
  ['/v1/products:nothing', 404, 'unknown-path'],
  ['/v1/products/a%2', 400, 'bad-url'],
  ['/v1/products/a%20b', 400, 'bad-id'],
  ['/v1/products/a?fields=x', 400, 'bad-query'],
])('%s is %d %s', async (path, status, code) => {
  await using reader = await openReader()
  const answer = await reader.ask(path)
  expect([answer.status, await answer.json()]).toEqual([
    status,
    expect.objectContaining({ type: `https://freshet.dev/problems/${code}` }),
  ])
  expect(reader.replica.reads).toBe(0)
})

test('Age grows from the last proof, and a silent majority is reported', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  reader.replica.provedAt -= 61_500
  reader.replica.aliveAt -= 3_000
  const answer = await reader.ask('/v1/products/a')
  expect(answer.headers.get('age')).toBe('61')
  expect(answer.headers.get('cache-status')).toBe('freshet; hit; detail=unproved')
})

test('a collection that is not public requires a token, whether or not the document is cached', async () => {
  await using reader = await openReader()
  reader.replica.put('orders/a', '{"id":"a"}')
  for (const path of ['/v1/orders/a', '/v1/orders/none', '/v1/orders?ids=a', '/v1/%6frders/a']) {
    for (const authorization of [undefined, 'Bearer a.b.c']) {
      const refused = await reader.ask(
        path,
        authorization === undefined ? {} : { headers: { authorization } },
      )
      expect([path, refused.status]).toEqual([path, 401])
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/)
      expect(refused.headers.get('freshet-position')).toBeNull()
    }
  }
  const headers = { authorization: await bearer() }
  for (const via of ['freshet; fwd=miss; stored', 'freshet; hit', 'freshet; hit']) {
    const answer = await reader.ask('/v1/orders/a', { headers })
    expect([answer.status, answer.headers.get('cache-status')]).toEqual([200, via])
  }
})

test('a client that disconnects ends its wait', async () => {
  await using reader = await openReader()
  reader.replica.held = new Promise(() => undefined)
  const gone = new AbortController()
  const asked = reader.ask('/v1/products/a', { signal: gone.signal }).catch(() => 'gone')
  await eventually(() => expect(reader.replica.reads).toBe(1))
  gone.abort()
  expect(await asked).toBe('gone')
  await eventually(() => expect(reader.replica.cancelled).toBe(1))
})

test('requests that arrive in one packet are answered completely and in order', async () => {
  await using reader = await openReader()
  const { hostname, port } = new URL(reader.service.url)
  const bodies = ['a', 'b', 'c'].map((id) => `{"id":"${id}","text":"${id.repeat(12_000)}"}`)
  for (const body of bodies) {
    const key = `products/${body.slice(7, 8)}`
    reader.replica.put(key, body)
    reader.replica.hold(key)
  }
  const socket = connect(Number(port), hostname)
  const request = (id: string, close = ''): string =>
    `GET /v1/products/${id} HTTP/1.1\r\nHost: x\r\n${close}\r\n`
  socket.write(request('a') + request('none') + request('b') + request('c', 'Connection: close\r\n'))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  const answers = text.split('HTTP/1.1 ').slice(1)
  expect(answers.map((answer) => answer.slice(0, 3))).toEqual(['200', '404', '200', '200'])
  const [a, , b, c] = answers.map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4))
  expect([a, b, c]).toEqual(bodies)
})
