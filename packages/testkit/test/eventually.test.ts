import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'

test('retries until the condition holds, and returns its value', async () => {
  let left = 3
  const value = await eventually(() => {
    left -= 1
    if (left > 0) throw new Error('not yet')
    return 'done'
  })
  expect(value).toBe('done')
})

test('a condition that never holds rejects with the last error', async () => {
  const never = eventually(() => Promise.reject(new Error('still 3')), { withinMs: 20 })
  await expect(never).rejects.toThrow(/^not within 20 ms \(\d+ attempts\): still 3$/)
})
