import { randomInt } from 'node:crypto'

/** Random numbers that can be had again. */
export interface SeededRandom {
  readonly seed: number
  /** In [0, 1). */
  next(this: void): number
  /** A whole number in [0, `limit`). */
  below(this: void, limit: number): number
  /** One of the items; the list must not be empty. */
  pick<T>(this: void, items: readonly T[]): T
  /** Another sequence, which follows from the seed and this number: of one of several that draw at the same time. */
  fork(this: void, number: number): SeededRandom
}

/**
 * A generator whose whole sequence follows from the seed (mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c,
 * public domain). The seed is printed, and can be set for every test at once by TEST_SEED, so that a failing
 * random walk can be walked again.
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
