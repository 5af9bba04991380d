import { expect, jest, test } from '@jest/globals'
import { systemClock } from '../src/clock.ts'

test.each([2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY])(
  'a wait of %d ms, which exceeds the limit of a timer, does not end at once',
  async (ms) => {
    const leaving = new AbortController()
    const ended: string[] = []
    // Timers of the same length fire in the order in which they were set; one that is too long fires after 1 ms.
    const long = systemClock.sleep(ms, leaving.signal).then(() => ended.push('long'))
    await systemClock.sleep(1, leaving.signal).then(() => ended.push('short'))
    await systemClock.sleep(1, leaving.signal)
    expect(ended).toEqual(['short'])
    leaving.abort()
    await long
    expect(ended).toEqual(['short', 'long'])
  },
)

test('a wait that needs several timers ends after all of them', async () => {
  jest.useFakeTimers()
  try {
    const ended: string[] = []
    const long = systemClock.sleep(2 ** 32, new AbortController().signal).then(() => ended.push('long'))
    await jest.advanceTimersByTimeAsync(2 ** 32 - 1)
    expect(ended).toEqual([])
    await jest.advanceTimersByTimeAsync(1)
    await long
    expect(ended).toEqual(['long'])
  } finally {
    jest.useRealTimers()
  }
})
