import { expect, test } from '@jest/globals'
import { readConfig, systemClock } from '@freshet/kit'
import type { Clock } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import type { ServerResponse } from 'node:http'
import { Drain, serviceOptions, startService, type Grace } from '../src/index.ts'
import { LogBook, RawClient } from './open-shell.ts'

/** The system clock, except that the wait of the drain lasts until the test ends it. */
class DrainClock implements Clock {
  readonly now = () => systemClock.now()
  readonly wallMs = () => systemClock.wallMs()
  endDrain: (() => void) | undefined

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms !== 3_600_000) return systemClock.sleep(ms, signal)
    return new Promise((resolve) => (this.endDrain = resolve))
  }
}

test('S6 while draining, the service is not ready but answers; then running requests finish before the parts stop', async () => {
  const answers: ServerResponse[] = []
  const events: string[] = []
  const clock = new DrainClock()
  const argv = ['--port=0', '--management-port=0', '--no-tokens', '--drain=1h']
  const config = readConfig(serviceOptions, { argv, env: {}, readFile: () => '' })
  await using service = await startService({
    definition: {
      role: 'slow',
      version: '1',
      description: '',
      options: {},
      build: (_config, { drain }) => {
        drain.add({ name: 'waits', drain: () => void events.push('end waits') })
        return {
          handle: (request, response) =>
            void (request.url === '/slow' ? answers.push(response) : response.end('ok')),
          parts: [{ name: 'part', start: () => undefined, stop: () => void events.push('stop') }],
          health: { started: () => true, unready: () => undefined, status: () => ({}) },
        }
      },
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
  const status = (await (await fetch(`${managementUrl}/statusz`)).json()) as object
  expect(status).toMatchObject({ role: 'slow', version: '1', draining: true })
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

test('S6 everything registered drains concurrently within the grace period; failures and delays are reported', async () => {
  const log = new LogBook()
  const drain = new Drain(log, systemClock)
  const ended: string[] = []
  const graces: Grace[] = []
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  drain.add({ name: 'waits for the other', drain: () => opened.then(() => void ended.push('first')) })
  drain.add({ name: 'other', drain: (grace) => (graces.push(grace), open()) })
  drain.add({ name: 'throws', drain: () => Promise.reject(new Error('no')) })
  drain.add({ name: 'is late', drain: () => new Promise(() => undefined) })
  expect(drain.begun).toBe(false)
  const run = drain.run(50)
  expect(drain.begun).toBe(true)
  await run
  expect(ended).toEqual(['first'])
  expect(graces.map(({ ms, signal }) => [ms, signal.aborted])).toEqual([[50, true]])
  expect(log.lines.map(({ level, fields, message }) => [level, message, fields])).toEqual([
    ['error', 'drain failed', { drain: 'throws', err: new Error('no') }],
    ['warn', 'not drained in time', { drain: 'is late' }],
  ])
})

test('S6 a drain takes no time if nothing is registered or everything ends at once', async () => {
  for (const names of [[], ['quick']]) {
    const drain = new Drain(new LogBook(), systemClock)
    for (const name of names) drain.add({ name, drain: () => undefined })
    await drain.run(3_600_000)
  }
})
