import { expect, test } from '@jest/globals'
import { Breaker, defaultBucketLimits } from '../src/breaker.ts'
import type { Echo } from '../src/echoes.ts'
import { HandClock } from './support.ts'

const open = (): Breaker => new Breaker(defaultBucketLimits, new HandClock())
const foreign: Echo = { by: 'none', rounds: new Map() }
const echo = (rounds: number, by: Echo['by'] = 'document'): Echo => ({ by, rounds: new Map([['h', rounds]]) })
const taken = (breaker: Breaker, keys: readonly string[], echo = foreign): number =>
  keys.filter((key) => breaker.take(key, 'h', echo)).length
const same = (times: number): string[] => Array<string>(times).fill('c/1')
const fresh = (times: number): string[] => Array.from({ length: times }, (_, n) => `c/${n}`)

test('G7.3 a recurring document opens its own breaker and no other', () => {
  const breaker = open()
  expect(taken(breaker, same(200))).toBe(100)
  expect(taken(breaker, ['c/2'])).toBe(1)
  expect(breaker.open).toBe(1)
})

test('G7.3 a new document each time is no loop, unless the handler caused it itself', () => {
  expect(taken(open(), fresh(5_000))).toBe(5_000)
  expect(taken(open(), fresh(5_000), echo(3))).toBe(100)
})

test('G7.4 a handler that receives its own write once or twice is not considered looping', () => {
  expect(taken(open(), fresh(5_000), echo(2))).toBe(5_000)
  // Nor is one far down a chain of other handlers in which it did not occur before.
  const chain: Echo = { by: 'document', rounds: new Map([['g', 9]]) }
  expect(taken(open(), fresh(5_000), chain)).toBe(5_000)
})

test('G7.3 the rounds of all handlers in a cycle count', () => {
  const circle: Echo = { by: 'document', rounds: new Map(['f', 'g', 'h'].map((name) => [name, 1])) }
  expect(taken(open(), fresh(5_000), circle)).toBe(100)
})

test('G7.3 after unnamed writes to a collection, each change that may be an echo takes a token, and each other change refunds one', () => {
  const breaker = open()
  expect(taken(breaker, fresh(5_000), echo(1, 'collection'))).toBe(100)
  expect(taken(breaker, ['d/1'], echo(1, 'collection'))).toBe(1)
  const mixed = open()
  let through = 0
  for (const key of fresh(5_000)) {
    mixed.foreign('c/other')
    if (mixed.take(key, 'h', echo(1, 'collection'))) through += 1
  }
  expect(through).toBe(5_000)
})

test('G7.3 a looping document is remembered however many others pass by, and the memory is bounded', () => {
  const breaker = open()
  let loops = 0
  for (let round = 0; round < 200; round += 1) {
    if (breaker.take('loop/1', 'h', foreign)) loops += 1
    taken(
      breaker,
      Array.from({ length: 200 }, (_, n) => `${round}/${n}`),
    )
  }
  expect(loops).toBe(100)
  // One bucket was empty at the end; the others were evicted or are full.
  expect(breaker.open).toBe(1)
})
