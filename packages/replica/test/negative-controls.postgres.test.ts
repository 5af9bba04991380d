import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { TestDatabase } from '@freshet/postgres'
import { movesPerEvent, TakesNullAsAbsent } from './support/broken.ts'
import { dropsEvents } from './support/faulty-log.ts'
import { forgetsTheFence, forgetsWhatTheFeedReported } from './support/postgres/broken.ts'
import { runStress } from './support/postgres/run.ts'
import type { StressVariant } from './support/stress-replica.ts'
import { openDatabase } from './support/postgres/tables.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

let db: TestDatabase

beforeAll(async () => {
  db = await openDatabase()
}, 60_000)
afterAll(async () => {
  await db[Symbol.asyncDispose]()
})

// `change-stream-postgres` has the race without a standby, which takes more reads than these.
test.each<[string, held: boolean, StressVariant]>([
  ['a read may miss a commit that waits for a standby', true, { reads: forgetsWhatTheFeedReported }],
  ['a read is taken for the state at its position', false, { reads: forgetsTheFence }],
  ['a transaction is released before its end', false, { wrapFeed: movesPerEvent }],
  ['events are dropped', false, { wrapFeed: dropsEvents }],
  ['missing content is treated as absence', false, { cache: (options) => new TakesNullAsAbsent(options) }],
])(
  'R3 the same run on a real PostgreSQL detects that %s (seed ' + seed + ')',
  async (name, held, variant) => {
    const startedMs = performance.now()
    const { wrong, decoded } = await runStress(db, { seed, answers: 30_000, untilWrong: true, held, variant })
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
    process.stderr.write(`${name}: ${seconds} s, ${decoded} answers, ${wrong[0] ?? 'nothing wrong'}\n`)
    expect(wrong).not.toEqual([])
  },
)
