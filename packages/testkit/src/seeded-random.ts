import { randomInt } from 'node:crypto'

/** Reproducible random numbers. */
export interface SeededRandom {
  readonly seed: number
  /** In [0, 1). */
  next(this: void): number
  /** An integer in [0, `limit`). */
  below(this: void, limit: number): number
  /** One of the items; the list must not be empty. */
  pick<T>(this: void, items: readonly T[]): T
  /** An independent sequence, determined by the seed and this number. For concurrent users. */
  fork(this: void, number: number): SeededRandom
}

/**
 * A generator that is determined by its seed (mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c,
 * public domain). Prints the seed. To reproduce a failure, set TEST_SEED, which applies to all tests.
 */
export function seededRandom(seed: number = seedOfThisRun()): SeededRandom {
  process.stderr.write(`seed ${seed} (repeat with TEST_SEED=${seed})\n`)
  return generatorOf(seed)
}

function generatorOf(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    seed,
    next,
    below,
    pick: <T>(items: readonly T[]): T => {
      const [item] = items.slice(below(items.length))
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    fork: (number) => generatorOf((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0),
  }
}

const seedOfThisRun = (): number => Number(process.env['TEST_SEED'] ?? randomInt(2 ** 32))
