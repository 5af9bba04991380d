import { expect, test } from '@jest/globals'
import type { Clock, Log } from '@freshet/kit'
import { silentLog } from '@freshet/testkit'
import { Heartbeat } from '../src/heartbeat.ts'
import type { HeartbeatState } from '../src/store/contract.ts'

/** A clock on which only sleeps take time; it stops after a number of sleeps. */
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
  let beats = 0
  const control = {
    beat: async () => {
      at.push(clock.now())
      await beat()
      return { beats: ++beats }
    },
  }
  const heartbeat = new Heartbeat({
    control,
    clock,
    log,
    quietMs: 250,
    lateAfterMs: 2_000,
    lastWriteAt: () => lastWriteAt(clock.now()),
  })
  heartbeat.start()
  await new Promise((resolve) => setImmediate(resolve))
  await heartbeat.stop()
  return at
}

test('an idle process beats every quarter of a second', async () => {
  expect(await beatsDuring(3, () => undefined)).toEqual([1_000, 1_250, 1_500, 1_750])
})

test('a process whose writes are acknowledged does not beat', async () => {
  expect(await beatsDuring(20, (now) => now - 100)).toEqual([])
})

test('the first beat after writes comes as soon as they have been silent for long enough', async () => {
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
  expect(said).toEqual(['the heartbeat is not accepted', 'the heartbeat is accepted again'])
})

/** A heartbeat whose beats are answered manually, on a manual clock. */
function byHand() {
  let nowMs = 1_000
  let wroteAt: number | undefined
  const asked: unknown[] = []
  let answer: (pulse: HeartbeatState) => void = () => undefined
  const heartbeat = new Heartbeat({
    control: {
      beat: (seen) => {
        asked.push(seen)
        return new Promise((resolve) => {
          answer = resolve
        })
      },
    },
    clock: {
      now: () => nowMs,
      wallMs: () => nowMs,
      sleep: async () => void (await new Promise((resolve) => setImmediate(resolve))),
    },
    log: silentLog,
    quietMs: 250,
    lateAfterMs: 2_000,
    lastWriteAt: () => wroteAt,
  })
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
  return {
    heartbeat,
    asked,
    wrote: () => {
      wroteAt = nowMs
    },
    pass: (ms: number) => {
      nowMs += ms
    },
    answer: async (pulse: HeartbeatState) => {
      answer(pulse)
      await settled()
    },
  }
}

test('W7 an unanswered beat is reported as a failure as soon as readers report `unproved`', async () => {
  const { heartbeat, pass, answer, wrote } = byHand()
  expect(heartbeat.failing).toBe(false)
  heartbeat.start()
  pass(2_000)
  expect(heartbeat.failing).toBe(false)
  pass(1)
  expect(heartbeat.failing).toBe(true)
  wrote()
  expect(heartbeat.failing).toBe(false)
  pass(2_001)
  expect(heartbeat.failing).toBe(true)
  await answer({ beats: 1 })
  expect([heartbeat.failing, heartbeat.lastBeatAt]).toEqual([false, 5_002])
  const stopped = heartbeat.stop()
  await answer({ beats: 2 })
  await stopped
})

test('W6 an unchanged state is no beat, whoever should have written it', async () => {
  const { heartbeat, asked, pass, answer } = byHand()
  heartbeat.start()
  await answer({ beats: 7 })
  pass(1_000)
  await answer({ beats: 7 })
  expect(heartbeat.lastBeatAt).toBe(1_000)
  pass(1_001)
  expect(heartbeat.failing).toBe(true)
  await answer({ beats: 8 })
  expect([heartbeat.failing, heartbeat.lastBeatAt]).toEqual([false, 3_001])
  expect(asked.slice(0, 3)).toEqual([undefined, { beats: 7 }, { beats: 7 }])
  const stopped = heartbeat.stop()
  await answer({ beats: 9 })
  await stopped
})
