import { expect, test } from '@jest/globals'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import { openShell, RawClient } from './open-shell.ts'
import { eventually } from '@freshet/testkit'

const ok = (_: unknown, response: ServerResponse): void => void response.end('ok')
const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

test('headers beyond the limit are 431 with a problem, and do not reach the handler', async () => {
  await using bench = await openShell(ok)
  using client = new RawClient(bench.url)
  client.send(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(17_000)}\r\n\r\n`)
  const answer = await client.untilClosed()
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  expect(answer).toContain('"type":"https://freshet.dev/problems/headers-too-large"')
  expect(bench.shell.requests).toBe(0)
})

test('headers just below the limit are accepted', async () => {
  await using bench = await openShell(ok)
  const answer = await fetch(bench.url, { headers: { 'x-big': 'a'.repeat(15_000) } })
  expect(answer.status).toBe(200)
})

test('an HTTP/1.1 request without a Host is 400 with a problem, an HTTP/1.0 one is accepted', async () => {
  await using bench = await openShell(ok)
  using client = new RawClient(bench.url)
  client.send('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 [\s\S]*bad-request/)
  using old = new RawClient(bench.url)
  old.send('GET / HTTP/1.0\r\n\r\n')
  expect(await old.untilClosed()).toMatch(/^HTTP\/1\.1 200 /)
})

test('bytes that are not HTTP are 400 with a problem', async () => {
  await using bench = await openShell(ok)
  using client = new RawClient(bench.url)
  client.send('what?\r\n\r\n')
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 [\s\S]*bad-request/)
})

test.each(['patch', 'Patch', 'get', 'delete', 'BREW'])(
  'the method %s is 400, and the problem lists the known ones',
  async (method) => {
    await using bench = await openShell(ok)
    using client = new RawClient(bench.url)
    client.send(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`)
    const answer = await client.untilClosed()
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"detail":"Expected an HTTP method in upper case: GET,')
  },
)

test.each([
  ['nothing at all', ''],
  ['half of the headers', 'GET / HTTP/1.1\r\nHost: x\r\n'],
])('%s within the header time is 408', async (_, sent) => {
  await using bench = await openShell(ok, { headersWithinMs: 100, bodyWithinMs: 5_000 })
  using client = new RawClient(bench.url)
  client.send(sent)
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*request-timeout/)
})

test('a body that does not arrive in time is 408', async () => {
  await using bench = await openShell(
    async (request) => {
      for await (const _ of request) continue
    },
    { headersWithinMs: 100, bodyWithinMs: 200 },
  )
  using client = new RawClient(bench.url)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*request-timeout/)
  expect(bench.shell.requests).toBe(1)
})

test.each([
  [
    'throws',
    () => {
      throw new TypeError('secret detail')
    },
  ],
  ['rejects', () => Promise.reject(new TypeError('secret detail'))],
])(
  'a handler that %s is 500 without its message, logged with the id that the client receives',
  async (_, handle) => {
    await using bench = await openShell(handle)
    const answer = await fetch(bench.url)
    const text = await answer.text()
    expect(answer.status).toBe(500)
    expect(text).not.toContain('secret detail')
    expect(JSON.parse(text)).toMatchObject({ instance: 'urn:uuid:id-1', retryable: false })
    expect(bench.log.lines).toMatchObject([
      { level: 'error', fields: { instance: 'urn:uuid:id-1', err: new TypeError('secret detail') } },
    ])
  },
)

test('a handler that fails in the middle of its answer breaks the connection', async () => {
  await using bench = await openShell((_, response) => {
    response.write('half')
    throw new Error('broken')
  })
  await expect(fetch(bench.url).then((answer) => answer.text())).rejects.toThrow()
})

test('a thrown problem is answered with its headers, without those of the abandoned answer', async () => {
  await using bench = await openShell((_, response) => {
    response.setHeader('etag', '"x"')
    throw new ProblemError('method-not-allowed', { detail: 'No.', headers: { allow: 'GET' } })
  })
  const answer = await fetch(bench.url)
  expect(answer.status).toBe(405)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    allow: 'GET',
    'content-type': 'application/problem+json',
  })
  expect(answer.headers.get('etag')).toBeNull()
  expect(await answer.json()).toEqual({
    type: 'https://freshet.dev/problems/method-not-allowed',
    title: 'The path does not support this method',
    status: 405,
    detail: 'No.',
    retryable: false,
  })
  expect((await fetch(bench.url, { method: 'HEAD' })).status).toBe(405)
})

test('closing lets a running request finish with Connection: close, closes idle and unused connections, and refuses new ones', async () => {
  const answers: ServerResponse[] = []
  await using bench = await openShell(
    (request, response) => void (request.url === '/slow' ? answers.push(response) : response.end('ok')),
  )
  using idle = new RawClient(bench.url)
  idle.send(get)
  using unused = new RawClient(bench.url)
  using slow = new RawClient(bench.url)
  slow.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() =>
    expect([answers.length, idle.text.includes('ok'), bench.shell.openSockets]).toEqual([1, true, 3]),
  )
  const closing = bench.shell.close(10_000)
  await Promise.all([idle.untilClosed(), unused.untilClosed()])
  await expect(fetch(bench.url)).rejects.toThrow()
  answers[0]?.end('done')
  const answer = await slow.untilClosed()
  expect(answer).toMatch(/connection: close/i)
  expect(answer).toContain('done')
  await closing
})

test('closing cuts whatever does not end within its time', async () => {
  await using bench = await openShell(() => undefined)
  using client = new RawClient(bench.url)
  client.send(get)
  await eventually(() => expect(bench.shell.requests).toBe(1))
  await bench.shell.close(50)
  expect(await client.untilClosed()).toBe('')
  expect(bench.shell.openSockets).toBe(0)
})

test('a port in use is an error with the reason', async () => {
  await using bench = await openShell(ok)
  await expect(openShell(ok, {}, Number(new URL(bench.url).port))).rejects.toThrow(
    expect.objectContaining({ code: 'EADDRINUSE' }),
  )
})
