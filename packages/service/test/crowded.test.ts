import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { openShell, RawClient } from './open-shell.ts'

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const ok = (_: unknown, response: ServerResponse): void => void response.end('ok')
const crowdOf = (url: string, size: number): RawClient[] =>
  Array.from({ length: size }, () => new RawClient(url, true))

test.each([
  ['send nothing', ''],
  ['have been answered', get()],
  ['are in the middle of a head', 'GET / HTTP/1.1\r\nHost: x\r\nX: '],
  ['were answered before they sent their body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab'],
  ['are about to close', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
])('connections that %s do not keep others out', async (_, sent) => {
  await using bench = await openShell(ok, { maxSockets: 10 })
  const crowd = crowdOf(bench.url, 10)
  for (const client of crowd) {
    client.send(sent)
  }
  await eventually(() => expect(bench.shell.openSockets).toBe(10))
  if (sent.includes('\r\n\r\n'))
    await eventually(() => expect(crowd.every(({ text }) => text.includes('ok'))).toBe(true))
  for (let more = 1; more <= 30; more++) expect(await (await fetch(bench.url)).text()).toBe('ok')
  expect(bench.shell.droppedSockets).toBe(0)
  expect(bench.shell.openSockets).toBeLessThanOrEqual(10)
  for (const client of crowd) client[Symbol.dispose]()
})

test('the least recently used connection is closed, and counted', async () => {
  await using bench = await openShell(ok, { maxSockets: 3 })
  const first = new RawClient(bench.url)
  const second = new RawClient(bench.url)
  const third = new RawClient(bench.url)
  for (const client of [first, second, third, first]) {
    client.text = ''
    client.send(get())
    await eventually(() => expect(client.text).toContain('ok'))
  }
  using fourth = new RawClient(bench.url)
  fourth.send(get())
  await second.untilClosed()
  await eventually(() => expect(fourth.text).toContain('ok'))
  expect(bench.shell.cuts).toEqual({ unread: 0, pipelining: 0, crowded: 1 })
  for (const client of [first, third]) {
    client.text = ''
    client.send(get())
    await eventually(() => expect(client.text).toContain('ok'))
    client[Symbol.dispose]()
  }
})

test.each([
  ['read nothing of their answers', '/large', ''],
  ['do not send their bodies', '/', 'Content-Length: 9\r\n'],
])('connections that %s do not keep others out', async (_, path, header) => {
  const large = Buffer.alloc(64 * 2 ** 20)
  await using bench = await openShell(
    async (request, response) => {
      await text(request)
      response.end(request.url === '/large' ? large : 'ok')
    },
    { maxSockets: 3 },
  )
  const crowd = crowdOf(bench.url, 3)
  for (const client of crowd) {
    client.socket.pause()
    client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n${header}\r\n`)
  }
  await eventually(() => expect(bench.shell.requests).toBe(3))
  expect(await (await fetch(bench.url)).text()).toBe('ok')
  expect(bench.shell.cuts.crowded).toBeGreaterThan(0)
  for (const client of crowd) client[Symbol.dispose]()
})

test('connections whose answers are being produced are not closed for others: those are refused, and counted', async () => {
  const taken: ServerResponse[] = []
  await using bench = await openShell((_, response) => void taken.push(response), { maxSockets: 2 })
  const crowd = crowdOf(bench.url, 2)
  for (const client of crowd) client.send(get())
  await eventually(() => expect(taken).toHaveLength(2))
  using late = new RawClient(bench.url)
  late.send(get())
  expect(await late.untilClosed()).toBe('')
  expect([bench.shell.droppedSockets, bench.shell.cuts.crowded]).toEqual([1, 0])
  for (const response of taken) response.end('done')
  await eventually(() => expect(crowd.every(({ text }) => text.includes('done'))).toBe(true))
  for (const client of crowd) client[Symbol.dispose]()
})
