import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ownBuffer, type Cache, type CacheOptions } from '@freshet/cache'
import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import * as broken from './support/broken.ts'
import { knowsOneTypeOfEachId } from './support/mongo/faulty-connection.ts'
import { readsTheNewest, takesSilenceAsAbsence } from './support/mongo/broken-reads.ts'
import * as disturb from './support/mongo/disturbances.ts'
import { runStress, type RunResult, type Variant } from './support/mongo/run.ts'
import { collections } from './support/stress-documents.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

let db: TestDatabase

beforeAll(async () => {
  db = await openTestDatabase({ own: true, collections })
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

async function run(name: string, answers: number, variant: Variant): Promise<RunResult> {
  const startedMs = performance.now()
  const result = await runStress(db, { seed, answers, untilWrong: true, variant })
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
  const { reread, stamped, wrong } = result
  process.stderr.write(
    `${name}: ${seconds} s, ${reread} read again, ${stamped} stamps, ${wrong[0] ?? 'nothing wrong'}\n`,
  )
  return result
}

const cached = (make: (options: CacheOptions<Buffer>) => Cache<Buffer>): Variant => ({ cache: make })

test.each<[string, Variant]>([
  ['a fill overwrites an event', cached((options) => new broken.FillOverwritesEvent(options))],
  ['missing content is treated as absence', cached((options) => new broken.TakesNullAsAbsent(options))],
  [
    'an invalidated recent document is returned',
    cached(
      (options) =>
        new broken.RecallsTheInvalidated({ ...options, recent: { maxBytes: 200_000, encode: ownBuffer } }),
    ),
  ],
  [
    'entries are cleared after W has advanced',
    { ...cached((options) => new broken.ClearsMuchLater(options)), meanwhile: disturb.losesHistory },
  ],
  ['a fill is not a read at its position', { reads: readsTheNewest }],
  ['equal ids of other types are not recognized', { connection: knowsOneTypeOfEachId }],
  [
    'a missing position is ignored',
    { reads: takesSilenceAsAbsence, source: disturb.tellsDropsLate(20), meanwhile: disturb.dropsOften },
  ],
  ['W advances with each event', { wrapFeed: broken.movesPerEvent }],
])(`R3 the same run on a real server detects that %s (seed ${seed})`, async (name, variant) => {
  const { wrong } = await run(name, 30_000, variant)
  expect(wrong).not.toEqual([])
})

test(`R3 the product passes the runs that detect the broken variants (seed ${seed})`, async () => {
  const meanwhile = disturb.together(disturb.losesHistory, disturb.dropsOften)
  const variant = { source: disturb.tellsDropsLate(20), meanwhile }
  const { wrong, resyncs, stamped } = await run('the product', 6_000, variant)
  expect(wrong).toEqual([])
  expect(stamped).toBeGreaterThanOrEqual(6_000)
  expect(resyncs['HISTORY_LOST']).toBeGreaterThan(0)
})
