import { expect, test } from '@jest/globals'
import { TokenBucket } from '../src/index.ts'

/** A bucket whose clock the test moves. */
function open(burst: number, refillPerS: number) {
  const clock = { ms: 0, now: () => clock.ms }
  const bucket = new TokenBucket({ burst, refillPerS }, clock)
  return { clock, bucket }
}

test('a bucket starts full, and refills at its rate up to its burst', () => {
  const { clock, bucket } = open(4, 2)
  expect([1, 2, 3, 4, 5].map(() => bucket.take())).toEqual([true, true, true, true, false])
  clock.ms += 500
  expect([bucket.take(), bucket.take()]).toEqual([true, false])
  clock.ms += 60_000
  expect([1, 2, 3, 4, 5].map(() => bucket.take())).toEqual([true, true, true, true, false])
})

test('several tokens are taken together, or none', () => {
  const { clock, bucket } = open(4, 2)
  expect([bucket.take(5), bucket.take(3), bucket.take(2), bucket.take(1)]).toEqual([false, true, false, true])
  clock.ms += 1_000
  expect([bucket.take(2), bucket.take()]).toEqual([true, false])
})

test('a token that was returned can be taken again, and none beyond the burst', () => {
  const { bucket } = open(1, 0)
  bucket.giveBack()
  expect([bucket.take(), bucket.take()]).toEqual([true, false])
  bucket.giveBack()
  expect(bucket.take()).toBe(true)
})
