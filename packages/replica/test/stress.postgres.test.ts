import { expect, test } from '@jest/globals'
import { openDatabase } from './support/postgres/tables.ts'
import { runStress } from './support/postgres/run.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)
const answers = Number(process.env['FRESHET_TEST_ANSWERS'] ?? 4_000)

test(`R3 ${answers} answers of a real PostgreSQL under fire are exact by two oracles (seed ${seed})`, async () => {
  await using db = await openDatabase()
  const result = await runStress(db, { seed, answers, untilWrong: false, held: true, variant: {} })
  process.stderr.write(`${JSON.stringify({ ...result, wrong: result.wrong.length })}\n`)
  expect(result.wrong.slice(0, 5)).toEqual([])
  expect(Math.min(result.decoded, result.recorded)).toBeGreaterThanOrEqual(answers)
  // The run was meaningful: it had misses, evictions, overtaken reads and commits that were not visible yet.
  expect(Math.min(result.misses, result.evictions)).toBeGreaterThan(answers / 10)
  expect(result.refills).toBeGreaterThan(10)
  expect(result.behindFeed).toBeGreaterThan(0)
}, 900_000)
