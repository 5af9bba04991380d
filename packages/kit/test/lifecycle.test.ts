import { expect, test } from '@jest/globals'
import { Lifecycle } from '../src/index.ts'
import type { Part } from '../src/index.ts'
import { FakeClock, settled } from './fake-clock.ts'

function bench() {
  const events: string[] = []
  const clock = new FakeClock()
  const note = (level: string) => (fields: object, message: string) => {
    if (level === 'error') events.push(`${message}: ${JSON.stringify(fields)}`)
  }
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  const part = (name: string, changed: Partial<Part> = {}): Part => ({
    name,
    start: () => void events.push(`start ${name}`),
    stop: () => void events.push(`stop ${name}`),
    ...changed,
  })
  return { events, clock, part, lifecycle: new Lifecycle({ log, clock, stopWithinMs: 10 }) }
}

test('parts start in order and stop once, in reverse', async () => {
  const { events, part, lifecycle } = bench()
  await lifecycle.start([part('a'), part('b')])
  await lifecycle.start([part('c')])
  await Promise.all([lifecycle.stop(), lifecycle.stop()])
  expect(events).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
})

test('a part that cannot start is stopped with those before it, and its error is thrown', async () => {
  const { events, part, lifecycle } = bench()
  const bad = part('b', { start: () => Promise.reject(new Error('taken')) })
  await expect(lifecycle.start([part('a'), bad, part('c')])).rejects.toThrow('taken')
  expect(events).toEqual(['start a', 'stop b', 'stop a'])
})

test('a part that fails to stop, or not in time, is reported and does not block the others', async () => {
  const { events, clock, part, lifecycle } = bench()
  const stuck = part('b', { stop: () => new Promise(() => undefined) })
  const failing = part('c', { stop: () => Promise.reject(new Error('no')) })
  await lifecycle.start([part('a'), stuck, failing])
  const stopping = lifecycle.stop()
  await settled()
  expect(events).toEqual(['start a', 'start b', 'start c', 'stop failed: {"part":"c","err":{}}'])
  await clock.pass()
  await stopping
  expect(events.slice(4)).toEqual(['stop failed: {"part":"b","err":{}}', 'stop a'])
})

test('a stop during startup stops the part that is starting without waiting for it; no other one starts', async () => {
  const { events, part, lifecycle } = bench()
  const stuck = part('b', { start: () => new Promise(() => undefined) })
  const starting = lifecycle.start([part('a'), stuck, part('c')])
  await settled()
  await lifecycle.stop()
  await starting
  await lifecycle.start([part('d')])
  expect(events).toEqual(['start a', 'stop b', 'stop a'])
})
