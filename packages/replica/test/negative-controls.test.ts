import { expect, test } from '@jest/globals'
import { Cache, ENTRY_OVERHEAD_BYTES } from '@freshet/cache'
import { asText, type BenchOptions } from './support/bench.ts'
import { ForgetsTheFence, ForgetsTheLowerBound } from './support/fenced-reads.ts'
import * as broken from './support/broken.ts'
import { dropsEvents, repeatsTheOld, skipsWhatIsBeforeW } from './support/faulty-log.ts'
import { Stress } from './support/stress.ts'

const maxBytes = 3 * (ENTRY_OVERHEAD_BYTES + 10)
/** Recent documents enabled, as in the product. */
const cacheOptions = { maxBytes, sizeOf: asText.sizeOf, recent: { maxBytes, encode: asText.encode } }

/** Runs until a wrong answer is detected. */
async function firstWrong(variant: () => BenchOptions, runs: number): Promise<string | undefined> {
  for (let seed = 1; seed <= runs; seed += 1) {
    const options = variant()
    const { wrong } = await new Stress({
      ...(!options.log && { cache: new Cache(cacheOptions) }),
      ...options,
      seed,
    }).run(400)
    if (wrong[0] !== undefined) return wrong[0]
  }
  return undefined
}

// Only a few in a thousand runs detect a read that answers a caller with a later floor; `running-reads.test.ts` provokes
// that case deterministically.
test.each<[string, () => BenchOptions]>([
  ['a fill overwrites an event', () => ({ cache: new broken.FillOverwritesEvent(cacheOptions) })],
  ['entries are cleared after W has advanced', () => ({ cache: new broken.ClearsLater(cacheOptions) })],
  ['missing content is treated as absence', () => ({ cache: new broken.TakesNullAsAbsent(cacheOptions) })],
  [
    'a fill is not a read at its position',
    () => ({ reads: (history) => new broken.ReadsTheNewest(history) }),
  ],
  [
    'a missing position is ignored',
    () => ({ reads: (history) => new broken.TakesSilenceAsAbsence(history) }),
  ],
  ['W advances with each event', () => ({ wrapFeed: broken.movesPerEvent })],
  [
    'a fenced read is treated as one at its position',
    () => ({ reads: (history, random) => new ForgetsTheFence(history, random) }),
  ],
  [
    'a read is not compared with what the feed has reported',
    () => ({ reads: (history, random) => new ForgetsTheLowerBound(history, random) }),
  ],
  ['a log drops an event', () => ({ log: true, wrapFeed: dropsEvents })],
  ['a log splits a transaction', () => ({ log: true, wrapFeed: broken.movesPerEvent })],
  ['a log repeats an old value', () => ({ log: true, wrapFeed: repeatsTheOld })],
  ['a restarted log is ignored up to W', () => ({ log: true, wrapFeed: skipsWhatIsBeforeW })],
  [
    'entries are kept when a log restarts',
    () => ({
      log: true,
      cache: new broken.KeepsAcrossGaps({ maxBytes: 1e6, sizeOf: asText.sizeOf, complete: true }),
    }),
  ],
])('R3 the same runs detect that %s', async (_name, variant) => {
  expect(await firstWrong(variant, 300)).toMatch(/got|went back|older than/)
})
