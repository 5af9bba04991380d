import { connect } from 'node:net'
import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { openReader } from './support/open-reader.ts'

test('every method other than reads is 405, on any path, and is counted', async () => {
  await using reader = await openReader()
  const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']
  for (const method of methods)
    for (const path of ['/v1/products/a', '/v1/products', '/v1/:batch', '/nothing']) {
      const answer = await reader.ask(path, { method })
      expect([method, path, answer.status]).toEqual([method, path, 405])
      expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    }
  const status = (await (await fetch(`${reader.service.managementUrl}/statusz`)).json()) as {
    readonly guard: { readonly refusedMethods: number }
  }
  expect(status.guard.refusedMethods).toBe(methods.length * 4)
})

test('the refusal precedes any byte of the body', async () => {
  await using reader = await openReader()
  const { hostname, port } = new URL(reader.service.url)
  const socket = connect(Number(port), hostname)
  socket.write('PUT /v1/products/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  expect(bytes.toString()).toMatch(/^HTTP\/1\.1 405 /)
  socket.destroy()
})

test('OPTIONS lists the methods', async () => {
  await using reader = await openReader()
  const answer = await reader.ask('/v1/products/a', { method: 'OPTIONS' })
  expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS'])
})

test('pages of allowed origins may call and see the meaningful headers, others may not', async () => {
  await using reader = await openReader({ argv: ['--cors-origins=https://shop.example'] })
  reader.replica.put('products/a', '{"id":"a"}')
  reader.replica.hold('products/a')
  const etag = reader.replica.documents.get('products/a')?.etag ?? ''
  const allowed = { origin: 'https://shop.example' }
  for (const headers of [allowed, { ...allowed, 'if-none-match': etag }]) {
    const answer = await reader.ask('/v1/products/a', { headers })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/freshet-position/)
    expect(answer.headers.get('vary')).toBe('Origin')
    expect(answer.headers.get('etag')).toBe(etag)
  }
  const other = await reader.ask('/v1/products/a', { headers: { origin: 'https://other.example' } })
  expect(other.headers.get('access-control-allow-origin')).toBeNull()
  const preflight = await reader.ask('/v1/products/a', {
    method: 'OPTIONS',
    headers: {
      ...allowed,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'freshet-at-least,traceparent',
    },
  })
  expect(preflight.headers.get('access-control-allow-headers')).toBe('freshet-at-least,traceparent')
})
