import { expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { openShell, RawClient } from './open-shell.ts'

const ok = (_: unknown, response: ServerResponse): void => void response.end('ok')

/** The complete answer to a head, which ends the connection. */
async function answerTo(head: string): Promise<string> {
  await using bench = await openShell(ok)
  using client = new RawClient(bench.url)
  client.socket.end(`${head}\r\n\r\n`)
  return await client.untilClosed()
}

test.each([
  ['two of them', 'Host: a\r\nHost: b'],
  ['the same one twice', 'Host: a\r\nhOST: a'],
  ['two empty ones', 'Host:\r\nHost:'],
  ['a space', 'Host: a b'],
  ['a slash', 'Host: a/b'],
  ['user information', 'Host: user@a'],
  ['an invalid port', 'Host: a:b'],
  ['two ports', 'Host: a:1:2'],
  ['an address with an unclosed bracket', 'Host: [::1'],
  ['a comma and a space', 'Host: a, b'],
  ['a broken escape', 'Host: a%2'],
  ['a non-ASCII letter', 'Host: caf\u00e9'],
])('a Host with %s is 400 with a problem, in both versions of HTTP', async (_, host) => {
  for (const version of ['1.1', '1.0'])
    expect(await answerTo(`GET / HTTP/${version}\r\n${host}`)).toMatch(
      /^HTTP\/1\.1 400 [^]*close[^]*bad-request/i,
    )
})

test.each([
  'a',
  'a:80',
  'a:',
  'A.example:8080',
  '127.0.0.1:7400',
  '[::1]:7400',
  '[v1.x:y]',
  'a_b-c~d',
  'a%20b',
  '',
])('the Host %j is accepted repeatedly, in both versions of HTTP', async (host) => {
  await using bench = await openShell(ok)
  using client = new RawClient(bench.url)
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(2))
  client.socket.end(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`)
  expect((await client.untilClosed()).match(/HTTP\/1\.1 \d+/g)).toEqual(Array(3).fill('HTTP/1.1 200'))
})

test.each([
  ['HTTP/0.9', 'GET /'],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a'],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM'],
  ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked'],
  ['a coding beside chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked'],
  ['a coding instead of chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip'],
  ['chunks and a length', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3'],
  ['a length and chunks', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked'],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3'],
  ['an invalid length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3'],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a'],
  ['NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: \0'],
  ['NUL in the path', 'GET /\0 HTTP/1.1\r\nHost: a'],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: a'],
  ['a bare carriage return', 'GET / HTTP/1.1\rHost: a'],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
])('%s is 400 with a problem', async (_, head) => {
  expect(await answerTo(head)).toMatch(/^HTTP\/1\.1 400 [^]*close[^]*bad-request/i)
})

test('a header that may occur once is not taken from the first of two', async () => {
  await using bench = await openShell((request, response) => void response.end(request.headers.authorization))
  using client = new RawClient(bench.url)
  client.socket.end('GET / HTTP/1.1\r\nHost: a\r\nAuthorization: one\r\nAuthorization: two\r\n\r\n')
  expect(await client.untilClosed()).toMatch(/one, two$/)
})

test.each([
  ['trailers', `0\r\n${'X-Trailer: v\r\n'.repeat(2_000)}\r\n`],
  ['chunk extensions', `1;${'a=b;'.repeat(10_000)}\r\na\r\n0\r\n\r\n`],
])('a flood of %s is refused', async (_, body) => {
  await using bench = await openShell(async (request, response) => {
    await text(request)
    response.end()
  })
  using client = new RawClient(bench.url)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 4\d\d [^]*connection: close/i)
})
