import { expect, test } from '@jest/globals'
import { seededRandom } from '@freshet/testkit'

test('equal seeds give equal sequences, different seeds different ones', () => {
  const walk = (seed: number): readonly number[] => {
    const random = seededRandom(seed)
    return Array.from({ length: 20 }, () => random.below(1_000))
  }
  expect(walk(7)).toEqual(walk(7))
  expect(walk(7)).not.toEqual(walk(8))
})

test('every item is picked, and numbers are uniformly distributed', () => {
  const random = seededRandom(1)
  const counts = new Map<string, number>()
  for (let i = 0; i < 3_000; i++) {
    const item = random.pick(['a', 'b', 'c'])
    counts.set(item, (counts.get(item) ?? 0) + 1)
  }
  for (const item of ['a', 'b', 'c']) expect(counts.get(item)).toBeGreaterThan(850)
  expect(() => random.pick([])).toThrow(RangeError)
})

test('forks depend only on the seed and their number', () => {
  const walk = (fork: number, drawn: number): readonly number[] => {
    const random = seededRandom(7)
    for (let i = 0; i < drawn; i++) random.next()
    const forked = random.fork(fork)
    return Array.from({ length: 20 }, () => forked.below(1_000))
  }
  expect(walk(0, 0)).toEqual(walk(0, 5))
  expect(walk(0, 0)).not.toEqual(walk(1, 0))
})
