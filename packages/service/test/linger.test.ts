import { expect, test } from '@jest/globals'
import { ProblemError } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createConnection } from 'node:net'
import { openShell, RawClient } from './open-shell.ts'

const MiB = 2 ** 20

/**
 * Behaves like the simplest reverse proxy: one connection for each request, `Connection: close`, the whole body first.
 * An error while writing is a bad gateway, whatever was answered meanwhile.
 */
function throughProxy(url: string, head: string, body: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.once('error', () => resolve('502'))
    socket.on('close', () => resolve(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? '502'))
    socket.pause()
    socket.write(`${head}\r\nConnection: close\r\n\r\n`)
    let at = 0
    const more = (): void => {
      if (at >= body.length) {
        socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
        socket.resume()
        return
      }
      const piece = body.subarray(at, at + 65_536)
      at += piece.length
      socket.write(piece, (error) => (error ? resolve('502') : setImmediate(more)))
    }
    more()
  })
}

const refuse =
  (code: ConstructorParameters<typeof ProblemError>[0]) =>
  (_request: IncomingMessage, _response: ServerResponse): void => {
    throw new ProblemError(code)
  }
const head = (more = ''): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${8 * MiB}${more}`
const chunked = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked'

test.each([
  ['401', refuse('unauthenticated'), head()],
  ['405', refuse('method-not-allowed'), head()],
  ['413', refuse('payload-too-large'), head()],
  ['503', refuse('overloaded'), head()],
  ['401', refuse('unauthenticated'), head('\r\nExpect: 100-continue')],
  ['417', refuse('internal'), head('\r\nExpect: x')],
  ['400', refuse('internal'), head('\r\nHost: y')],
  ['401', refuse('unauthenticated'), head().replace('HTTP/1.1', 'HTTP/1.0')],
  ['431', refuse('internal'), head(`\r\nX: ${'x'.repeat(20_000)}`)],
  ['400', refuse('internal'), `what ${head()}`],
  // The body is not chunked: it is refused after the answer, which is the one that counts.
  ['405', refuse('method-not-allowed'), chunked],
  ['405', refuse('method-not-allowed'), head('\r\nConnection: Upgrade\r\nUpgrade: h2c')],
  ['405', refuse('method-not-allowed'), 'CONNECT a:1 HTTP/1.1\r\nHost: a'],
])(
  'a %s is visible behind a proxy that sends the whole body first, 20 of 20 times',
  async (status, handle, text) => {
    await using bench = await openShell(handle)
    const body = Buffer.alloc(8 * MiB, 'x')
    for (let time = 1; time <= 20; time++) expect(await throughProxy(bench.url, text, body)).toBe(status)
    await eventually(() => expect(bench.shell.openSockets).toBe(0))
  },
)

test('a refusal is visible too while the service drains, and while it closes', async () => {
  await using bench = await openShell(refuse('unauthenticated'))
  bench.shell.drain()
  const body = Buffer.alloc(8 * MiB, 'x')
  for (let time = 1; time <= 20; time++) expect(await throughProxy(bench.url, head(), body)).toBe('401')
  const last = throughProxy(bench.url, head(), Buffer.alloc(32 * MiB))
  await eventually(() => expect(bench.shell.requests).toBe(21))
  const closed = bench.shell.close(60_000)
  expect(await last).toBe('401')
  await closed
})

test('requests after the last answer are dropped, and the client receives that answer', async () => {
  await using bench = await openShell((_, response) => void response.end('ok'))
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const answer = await throughProxy(bench.url, get.trim(), Buffer.from(get.repeat(100_000)))
  expect(answer).toBe('200')
  expect(bench.shell.requests).toBe(1)
})

test('a client that keeps sending, or does not close, is not waited for indefinitely', async () => {
  await using bench = await openShell(refuse('payload-too-large'))
  using silent = new RawClient(bench.url, true)
  silent.send(`${head()}\r\nConnection: close\r\n\r\n`)
  using endless = new RawClient(bench.url, true)
  endless.send(`${chunked}\r\nConnection: close\r\n\r\n`)
  const piece = 'x'.repeat(MiB)
  let sent = 0
  const more = (error?: Error | null): void => {
    if (error) return
    sent += 1
    endless.socket.write(piece, more)
  }
  more()
  await endless.untilClosed()
  expect(sent).toBeGreaterThan(100)
  expect(sent).toBeLessThan(160)
  await eventually(() => expect(bench.shell.openSockets).toBe(0))
})
