import { expect, test } from '@jest/globals'
import type { Clock, Log } from '@freshet/kit'
import { silentLog } from '@freshet/testkit'
import { Heartbeat } from '../src/heartbeat.ts'

/** A clock on which only sleeps take time; after so many of them it stands still. */
class SleepingClock implements Clock {
  #now = 1_000
  #left: number

  constructor(sleeps: number) {
    this.#left = sleeps
  }

  now(): number {
    return this.#now
  }

  wallMs(): number {
    return this.#now
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#left-- > 0) this.#now += ms
    else if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  }
}

async function beatsDuring(
  sleeps: number,
  lastWriteAt: (nowMs: number) => number | undefined,
  { beat = async () => undefined, log = silentLog }: { beat?: () => Promise<void>; log?: Log } = {},
): Promise<readonly number[]> {
  const clock = new SleepingClock(sleeps)
  const at: number[] = []
  const control = {
    beat: async () => {
      at.push(clock.now())
      await beat()
    },
  }
  const heartbeat = new Heartbeat({
    control,
    clock,
    log,
    quietMs: 250,
    lastWriteAt: () => lastWriteAt(clock.now()),
  })
  heartbeat.start()
  await new Promise((resolve) => setImmediate(resolve))
  await heartbeat.stop()
  return at
}

test('a process that has not written beats each quarter of a second', async () => {
  expect(await beatsDuring(3, () => undefined)).toEqual([1_000, 1_250, 1_500, 1_750])
})

test('a process whose writes are taken does not beat', async () => {
  expect(await beatsDuring(20, (now) => now - 100)).toEqual([])
})

test('the first beat after writes comes as soon as they have been over for long enough', async () => {
  expect(await beatsDuring(2, () => 900)).toEqual([1_150, 1_400])
})

test('an outage is logged once, and its end once', async () => {
  const said: string[] = []
  const say = (_fields: object, message: string): void => void said.push(message)
  let beats = 0
  const beat = async (): Promise<void> => {
    if (++beats < 6) throw new Error('away')
  }
  await beatsDuring(10, () => undefined, { beat, log: { ...silentLog, warn: say, info: say } })
  expect(said).toEqual(['the heartbeat is not taken', 'the heartbeat is taken again'])
})
