import { expect, test } from '@jest/globals'
import { CoalescedCall } from '../src/coalesced-call.ts'

test('a call requested during another one starts after it, and serves all callers', async () => {
  const ends: ((fails: boolean) => void)[] = []
  const shared = new CoalescedCall<number>(
    () =>
      new Promise((resolve, reject) => {
        const number = ends.length
        ends.push((fails) => (fails ? reject(new Error(`work ${number}`)) : resolve(number)))
      }),
  )
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const first = shared.run()
  await settled()
  const later = [shared.run(), shared.run()].map((one) => one.catch(String))
  await settled()
  expect(ends).toHaveLength(1)
  ends[0]?.(false)
  expect(await first).toBe(0)
  await settled()
  expect(ends).toHaveLength(2)
  ends[1]?.(true)
  expect(await Promise.all(later)).toEqual(['Error: work 1', 'Error: work 1'])
  const last = shared.run()
  await settled()
  ends[2]?.(false)
  expect(await last).toBe(2)
})
