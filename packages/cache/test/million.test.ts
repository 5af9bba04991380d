import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { ENTRY_OVERHEAD_BYTES } from '../src/partial-store.ts'

const MiB = 1024 * 1024

/**
 * Memory beyond the entries, independent of their number: the young generation, uncollected garbage and malloc
 * fragmentation. Measured: 165 MiB on Node 20 with glibc.
 */
const ALLOWANCE_BYTES = 224 * MiB

interface Usage {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  readonly grownBytes: number
  readonly reachableBytes: number
}

async function pass(
  budgetBytes: number,
  keys: number,
  what: 'documents' | 'absences' = 'documents',
): Promise<Usage> {
  const here = import.meta.dirname
  const flags = [
    '--expose-gc',
    '-C',
    '@freshet/source',
    '--import',
    join(here, '../../testkit/hooks/from-source.mjs'),
  ]
  const child = await promisify(execFile)(process.execPath, [
    ...flags,
    join(here, 'million-child.ts'),
    String(budgetBytes),
    String(keys),
    what,
  ])
  return JSON.parse(child.stdout) as Usage
}

test('C12 a million distinct keys through a 64 MiB cache keep the process within the budget plus 224 MiB', async () => {
  const usage = await pass(64 * MiB, 1_000_000)
  expect(usage.bytes).toBeLessThanOrEqual(64 * MiB)
  expect(usage.evictions).toBeGreaterThan(900_000)
  expect(usage.grownBytes).toBeLessThan(64 * MiB + ALLOWANCE_BYTES)
})

test('C12 the same measurement detects an unbounded cache', async () => {
  // 2 kB each: more than the limit and the allowance together.
  const usage = await pass(1024 * MiB, 220_000)
  expect(usage.grownBytes).toBeGreaterThan(64 * MiB + ALLOWANCE_BYTES)
})

/**
 * An absence has no value, so it shows the cost of an entry alone. Measured on Node 20: 1.15 times the budget, because
 * keys cost more than their characters; 5.5 times if only the characters are counted. Neither ratio depends much on the
 * budget, so a small one is enough: 1.35 and 6.5 times this one.
 */
const MOST_FOR_ABSENCES = 2
const ABSENCES_BYTES = 4 * MiB
/** More than either budget holds, to force evictions. */
const ABSENCES = 150_000

test('C12 absences stay close to their budget, because it counts the cost of an entry', async () => {
  const usage = await pass(ABSENCES_BYTES, ABSENCES, 'absences')
  expect(usage.bytes).toBeLessThanOrEqual(ABSENCES_BYTES)
  expect(usage.evictions).toBeGreaterThan(0)
  expect(usage.reachableBytes).toBeLessThan(MOST_FOR_ABSENCES * ABSENCES_BYTES)
})

test('C12 the same measurement detects a budget that counts only the keys', async () => {
  const keyBytes = 'products/'.length + 24
  // The number of entries such a budget would allow.
  const budgetBytes = Math.ceil((ABSENCES_BYTES * (ENTRY_OVERHEAD_BYTES + keyBytes)) / keyBytes)
  const usage = await pass(budgetBytes, ABSENCES, 'absences')
  expect(usage.evictions).toBeGreaterThan(0)
  expect(usage.reachableBytes).toBeGreaterThan(MOST_FOR_ABSENCES * ABSENCES_BYTES)
})
