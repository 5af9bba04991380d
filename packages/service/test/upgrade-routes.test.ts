import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { Drain, Upgrades, type UpgradeRoute } from '../src/index.ts'
import { LogBook, openShell, RawClient } from './open-shell.ts'

/** A route that answers the handshake with its path, and then with what it reads. */
const row = (path: string, protocol = 'echo'): UpgradeRoute => ({
  path,
  protocol,
  who: 'public',
  open: ({ socket, behind }) => {
    socket.on('error', () => undefined).on('end', () => socket.end())
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${protocol}\r\nRoute: ${path}\r\n\r\n`)
    socket.write(behind)
    socket.on('data', (bytes) => socket.write(bytes))
  },
})

function upgradesOf(routes: readonly UpgradeRoute[]): Upgrades {
  const log = new LogBook()
  return new Upgrades({ routes, origins: [], maxOpen: 10, drain: new Drain(log, systemClock), log })
}

async function openEcho(routes: readonly UpgradeRoute[]) {
  const plain: IncomingMessage[] = []
  const bench = await openShell(
    async (request, response) => {
      plain.push(request)
      response.end(`plain ${await text(request)}`)
    },
    { upgrades: upgradesOf(routes) },
  )
  return { ...bench, plain, [Symbol.asyncDispose]: () => bench.shell.close(0) }
}

const handshake = (path: string, more = '', version = '1.1', protocol = 'echo'): string =>
  `GET ${path} HTTP/${version}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`

test('S11 the most specific path wins, in whatever order the routes are declared', async () => {
  const routes = [
    row('/chat/{room}'),
    row('/chat/lobby'),
    row('/chat/{room}:log'),
    row('/chat/lobby', 'other'),
  ]
  for (const declared of [routes, routes.toReversed()]) {
    await using bench = await openEcho(declared)
    for (const [path, protocol, wanted] of [
      ['/chat/lobby', 'echo', '/chat/lobby'],
      ['/chat/l%6Fbby', 'echo', '/chat/lobby'],
      ['/chat/lobby', 'other', '/chat/lobby'],
      ['/chat/x:log', 'echo', '/chat/{room}:log'],
      ['/chat/x', 'echo', '/chat/{room}'],
    ] as const) {
      using client = new RawClient(bench.url)
      client.send(handshake(path, '', '1.1', protocol))
      await eventually(() => expect(client.text).toContain(`Upgrade: ${protocol}\r\nRoute: ${wanted}\r\n`))
    }
  }
})

test('S11 two routes for the same path and protocol are refused at startup', () => {
  expect(() => upgradesOf([row('/chat/{a}'), row('/chat/{b}')])).toThrow(/two routes upgrade to echo on/)
  expect(() => upgradesOf([row('/chat/{a}'), row('/chat/{b}', 'other')])).not.toThrow()
  expect(() => upgradesOf([row('/chat', 'WebSocket')])).toThrow(/lower case/)
})

test('S11 HTTP/1.0 requests to upgrade are ignored', async () => {
  await using bench = await openEcho([row('/chat')])
  using client = new RawClient(bench.url)
  client.send(handshake('/chat', '', '1.0'))
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 200 [^]*plain $/)
  expect(bench.plain[0]?.headers.upgrade).toBeUndefined()
})

test.each([
  ['a length', 'Content-Length: 5\r\n', 'hello'],
  ['chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  ['a chunked body without chunks', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['a length without a body', 'Content-Length: 5\r\n', ''],
])(
  'S11 an upgrade request with a body (%s) is 400; on other paths it is an ordinary body',
  async (_, header, body) => {
    await using bench = await openEcho([row('/chat')])
    using client = new RawClient(bench.url)
    client.send(handshake('/chat', header) + body)
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 [^]*bad-request[^]*Expected no body/)
    if (body === '') return
    using other = new RawClient(bench.url)
    other.send(handshake('/other', header) + body)
    await eventually(() => expect(other.text).toMatch(body.includes('hello') ? /plain hello$/ : /plain /))
  },
)

test('S11 an upgrade request with the length 0 has no body', async () => {
  await using bench = await openEcho([row('/chat')])
  using client = new RawClient(bench.url)
  client.send(`${handshake('/chat', 'Content-Length: 0\r\n')}hi`)
  await eventually(() => expect(client.text).toMatch(/ 101 [^]*hi$/))
})
