import { expect, test } from '@jest/globals'
import { readConfig, systemClock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import { serviceOptions, startService } from '../src/index.ts'
import { LogBook, RawClient } from './open-shell.ts'

/** A service whose public port answers at once. */
function openService() {
  const argv = ['--port=0', '--management-port=0', '--no-tokens', '--stop-within=1s']
  return startService({
    definition: {
      role: 'quick',
      version: '1',
      description: '',
      options: {},
      build: () => ({
        handle: (_, response) => void response.end('ok'),
        parts: [],
        health: { started: () => true, unready: () => undefined, status: () => ({}) },
      }),
    },
    config: readConfig(serviceOptions, { argv, env: {}, readFile: () => '' }),
    log: new LogBook(),
    clock: systemClock,
    signal: new AbortController().signal,
  })
}

test.each([
  ['keep their connections', 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['never say anything', ''],
  ['never end their heads', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: '],
  ['never send their bodies', 'POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n'],
  ['request unknown paths', 'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n'],
])('300 clients that %s do not keep a probe out of the management port', async (_, sent) => {
  await using service = await openService()
  const crowd = Array.from({ length: 300 }, () => new RawClient(service.managementUrl, true))
  for (const client of crowd) client.send(sent)
  for (const path of ['livez', 'readyz', 'startupz', 'metrics', 'statusz']) {
    using probe = new RawClient(service.managementUrl)
    probe.send(`GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await eventually(() => expect(probe.text).toMatch(/^HTTP\/1\.1 200 /))
  }
  for (const client of crowd) client[Symbol.dispose]()
})

test('metrics report what is cut, once for each connection', async () => {
  await using service = await openService()
  const metrics = async (): Promise<string> => await (await fetch(`${service.managementUrl}/metrics`)).text()
  using greedy = new RawClient(service.url)
  greedy.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_398))
  await greedy.untilClosed()
  expect(await metrics()).toMatch(/^freshet_http_connections_cut_total\{reason="pipelining"\} 1$/m)
})
