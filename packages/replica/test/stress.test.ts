import { expect, test } from '@jest/globals'
import { Cache, ENTRY_OVERHEAD_BYTES } from '@freshet/cache'
import { asText, type BenchOptions } from './support/bench.ts'
import { FencedReads } from './support/fenced-reads.ts'
import { Stress, type StressResult } from './support/stress.ts'

/** Capacity for about three of six documents, so misses and evictions are frequent. */
const maxBytes = 3 * (ENTRY_OVERHEAD_BYTES + 10)
const cacheOptions = { maxBytes, sizeOf: asText.sizeOf, recent: { maxBytes, encode: asText.encode } }

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

/** Random runs over one kind of source. Every answer is verified. */
async function runAll(runs: number, source: Pick<BenchOptions, 'reads' | 'log'>) {
  const total = { answers: 0, unsettled: 0, fromThePast: 0 }
  for (let run = 0; run < runs; run += 1) {
    const options = { ...source, seed: seed + run, ...(!source.log && { cache: new Cache(cacheOptions) }) }
    const result: StressResult = await new Stress(options).run(400)
    expect({ seed: seed + run, wrong: result.wrong }).toEqual({ seed: seed + run, wrong: [] })
    expect({ seed: seed + run, unsettled: result.unsettled }).toEqual({ seed: seed + run, unsettled: 0 })
    total.answers += result.answers
    total.fromThePast += result.fromThePast
  }
  return total
}

test(`R3 every answer of a random run is the state at its position (seed ${seed})`, async () => {
  const total = await runAll(400, {})
  expect(total.answers).toBeGreaterThan(20_000)
  expect(total.fromThePast).toBeGreaterThan(0)
})

test(`R3 the same holds for a source without reads at a position (seed ${seed})`, async () => {
  const total = await runAll(200, { reads: (history, random) => new FencedReads(history, random) })
  expect(total.answers).toBeGreaterThan(8_000)
})

test(`R3 the same holds for a log with a complete cache (seed ${seed})`, async () => {
  const total = await runAll(200, { log: true })
  expect(total.answers).toBeGreaterThan(8_000)
  // The cache is complete: nothing is read, and no answer is from an earlier position.
  expect(total.fromThePast).toBe(0)
})
