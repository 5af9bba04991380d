import { expect, test } from '@jest/globals'
import { Backoff } from '../src/index.ts'

/** The waits of a caller whose random number is always this one. */
function waits(random: number): readonly number[] {
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => random)
  return Array.from({ length: 4 }, () => backoff.next())
}

test.each<[number, readonly number[]]>([
  [0, [50, 100, 200, 200]],
  [0.5, [75, 150, 300, 300]],
  [0.75, [87.5, 175, 350, 350]],
])('waits double up to the maximum, each with jitter over its upper half: %d of it', (random, wanted) => {
  expect(waits(random)).toEqual(wanted)
})

test('a thousand callers that failed together do not retry together', () => {
  const first = Array.from({ length: 1_000 }, (_, n) => waits(n / 1_000)[0] ?? 0)
  expect(new Set(first).size).toBe(1_000)
  expect([Math.min(...first), Math.max(...first)]).toEqual([50, 99.95])
})

test('each wait draws its own random number', () => {
  const numbers = [0, 0.5, 0.25]
  const backoff = new Backoff({ firstMs: 100, maxMs: 100 }, () => numbers.shift() ?? 0)
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([50, 75, 62.5])
})

test('after a success the waits start over', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 400 }, () => 0)
  backoff.next()
  backoff.next()
  backoff.reset()
  expect(backoff.next()).toBe(50)
})
