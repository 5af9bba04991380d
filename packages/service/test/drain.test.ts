import { expect, test } from '@jest/globals'
import { readConfig, systemClock } from '@freshet/kit'
import type { Clock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { ServerResponse } from 'node:http'
import { serviceOptions, startService } from '../src/index.ts'
import { LogBook, RawClient } from './open-shell.ts'

/** The machine's clock, except that the wait of the drain lasts until the test ends it. */
class DrainClock implements Clock {
  readonly now = () => systemClock.now()
  readonly wallMs = () => systemClock.wallMs()
  endDrain: (() => void) | undefined

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms !== 3_600_000) return systemClock.sleep(ms, signal)
    return new Promise((resolve) => (this.endDrain = resolve))
  }
}

test('while it drains it is not ready but answers; then running requests end before the parts stop', async () => {
  const answers: ServerResponse[] = []
  const events: string[] = []
  const clock = new DrainClock()
  const argv = ['--port=0', '--management-port=0', '--no-tokens', '--drain=1h']
  const config = readConfig(serviceOptions, { argv, env: {}, readFile: () => '' })
  await using service = await startService({
    definition: {
      role: 'slow',
      version: '1',
      says: '',
      options: {},
      build: () => ({
        handle: (request, response) =>
          void (request.url === '/slow' ? answers.push(response) : response.end('ok')),
        parts: [{ name: 'part', start: () => undefined, stop: () => void events.push('stop') }],
        health: { started: () => true, unready: () => undefined, status: () => ({}) },
        endWaits: () => void events.push('end waits'),
      }),
    },
    config,
    log: new LogBook(),
    clock,
    signal: new AbortController().signal,
  })
  const { url, managementUrl } = service
  using slow = new RawClient(url)
  slow.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(answers).toHaveLength(1))
  const stopped = service.stop()
  const ready = await fetch(`${managementUrl}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([503, { ok: false, why: 'draining' }])
  expect((await fetch(`${managementUrl}/livez`)).status).toBe(200)
  const during = await fetch(url)
  expect([during.status, during.headers.get('connection')]).toEqual([200, 'close'])
  clock.endDrain?.()
  await eventually(() => expect(fetch(url)).rejects.toThrow())
  expect(events).toEqual(['end waits'])
  answers[0]?.end('done')
  expect(await slow.untilClosed()).toMatch(/connection: close[\s\S]*done/i)
  await stopped
  expect(events).toEqual(['end waits', 'stop'])
  await expect(fetch(managementUrl)).rejects.toThrow()
})
