import { expect, test } from '@jest/globals'
import { Backoff, RunLoop } from '../src/index.ts'
import { FakeClock, settled } from './fake-clock.ts'

function bench(turn: (signal: AbortSignal) => Promise<void>, verdict: 'retry' | 'give-up' = 'retry') {
  const clock = new FakeClock()
  const judged: unknown[] = []
  const judge = (error: unknown) => {
    judged.push(error)
    return verdict
  }
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => 0)
  return { clock, judged, loop: new RunLoop({ attempt: turn, onFailure: judge, clock, backoff }) }
}

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }),
  )

test('failed attempts are judged and wait longer each time; a success resets the waits', async () => {
  let attempts = 0
  const { clock, judged, loop } = bench(async (signal) => {
    attempts++
    if (attempts === 5) return
    if (attempts === 7) return await forever(signal)
    throw new Error(`attempt ${attempts}`)
  })
  loop.start()
  loop.start()
  for (let passed = 0; passed < 5; passed++) {
    await settled()
    await clock.pass()
  }
  expect(clock.sleeps).toEqual([50, 100, 200, 200, 50])
  expect(judged.map(String)).toEqual([1, 2, 3, 4, 6].map((n) => `Error: attempt ${n}`))
  await loop.stop()
  expect([attempts, judged.length]).toEqual([7, 5])
})

test('a permanent error ends the loop', async () => {
  const { clock, judged, loop } = bench(() => Promise.reject(new Error('no')), 'give-up')
  loop.start()
  await settled()
  expect([judged.length, clock.sleeps]).toEqual([1, []])
  await loop.stop()
})

test('stop resolves only once the running attempt has ended, and nothing starts after it', async () => {
  const events: string[] = []
  const { loop, judged } = bench(async (signal) => {
    events.push('begin')
    await forever(signal).catch(() => undefined)
    await settled()
    events.push('end')
  })
  loop.start()
  await Promise.all([loop.stop(), loop.stop()])
  loop.start()
  await settled()
  expect([events, judged]).toEqual([['begin', 'end'], []])
})

test('stop ends a wait between attempts', async () => {
  const { clock, loop } = bench(() => Promise.reject(new Error('no')))
  loop.start()
  await settled()
  expect(clock.sleeps).toHaveLength(1)
  await loop.stop()
})
