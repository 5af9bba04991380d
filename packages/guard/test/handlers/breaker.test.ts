import { expect, test } from '@jest/globals'
import { Breaker, defaultBucketLimits } from '../../src/handlers/breaker.ts'
import { HandClock } from './support.ts'

const open = (): Breaker => new Breaker(defaultBucketLimits, new HandClock())
const taken = (breaker: Breaker, keys: readonly string[], echo = false): number =>
  keys.filter((key) => breaker.take(key, echo)).length
const same = (times: number): string[] => Array<string>(times).fill('c/1')
const fresh = (times: number): string[] => Array.from({ length: times }, (_, n) => `c/${n}`)

test('G7.3 a document that comes again and again opens its breaker, and no other', () => {
  const breaker = open()
  expect(taken(breaker, same(200))).toBe(100)
  expect(taken(breaker, ['c/2'])).toBe(1)
  expect(breaker.open).toBe(1)
})

test('G7.3 other documents each time are no loop, unless the handler caused them itself', () => {
  expect(taken(open(), fresh(5_000))).toBe(5_000)
  expect(taken(open(), fresh(5_000), true)).toBe(100)
})

test('G7.3 what loops is remembered whatever else passes by, and what is remembered is bounded', () => {
  const breaker = open()
  let loops = 0
  for (let round = 0; round < 200; round += 1) {
    if (breaker.take('loop/1', false)) loops += 1
    taken(
      breaker,
      Array.from({ length: 200 }, (_, n) => `${round}/${n}`),
    )
  }
  expect(loops).toBe(100)
  // One bucket was empty at the end; the others were forgotten or are full.
  expect(breaker.open).toBe(1)
})
