import { expect, test } from '@jest/globals'
import { defaultBucketLimits } from '../src/breaker.ts'
import { BreakerBucket } from '../src/breaker-bucket.ts'
import { HandClock } from './support.ts'

const taken = (bucket: BreakerBucket, tries: number): number =>
  Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length

test('a burst of 100 passes, the next call opens the breaker for five minutes, and then the bucket is full again', () => {
  const clock = new HandClock()
  const bucket = new BreakerBucket(defaultBucketLimits, clock)
  expect(taken(bucket, 200)).toBe(100)
  expect(bucket.open).toBe(true)
  clock.pass(5 * 60_000 - 1)
  expect(taken(bucket, 10)).toBe(0)
  clock.pass(1)
  expect(bucket.open).toBe(false)
  expect(taken(bucket, 200)).toBe(100)
})

test('one token is added per second, up to the burst', () => {
  const clock = new HandClock()
  const bucket = new BreakerBucket(defaultBucketLimits, clock)
  expect(taken(bucket, 100)).toBe(100)
  clock.pass(10_000)
  expect(taken(bucket, 10)).toBe(10)
  clock.pass(10_000_000)
  expect(taken(bucket, 100)).toBe(100)
  expect(bucket.take()).toBe(false)
})

test('one call per second is never stopped', () => {
  const clock = new HandClock()
  const bucket = new BreakerBucket(defaultBucketLimits, clock)
  for (let second = 0; second < 1_000; second += 1) {
    expect(bucket.take()).toBe(true)
    clock.pass(1_000)
  }
})
