import { expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { runStress } from './support/mongo/run.ts'
import { collections } from './support/stress-documents.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

test(`R3 100,000 answers of a real database under fire are exact by two oracles (seed ${seed})`, async () => {
  await using db = await openTestDatabase({ own: true, collections })
  const result = await runStress(db, { seed, answers: 100_000, untilWrong: false, variant: {} })
  process.stderr.write(`${JSON.stringify({ ...result, wrong: result.wrong.length })}\n`)
  expect(result.wrong.slice(0, 5)).toEqual([])
  expect(result.stamped).toBeGreaterThanOrEqual(100_000)
  expect(result.reread).toBeGreaterThanOrEqual(100_000)
  // The run was meaningful: it had misses, evictions and overtaken reads throughout.
  expect(Math.min(result.misses, result.evictions)).toBeGreaterThan(10_000)
  expect(result.refills).toBeGreaterThan(100)
}, 900_000)
