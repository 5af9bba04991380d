import { openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { cpuSecondsOf } from '../shared/child.ts'
import { median, rangeOf } from '../shared/figures.ts'
import { collection, database as name, ordersFrom } from './world.ts'

/** One line of the table. */
export interface Row {
  readonly part: string
  readonly contestant: string
  /** What the server took, or what was seen, with its unit. */
  readonly seen: string
  /** What MongoDB took, with its unit. */
  readonly mongodb: string
  /** Freshet's figure divided by this one. */
  readonly ratio: string
  readonly wanted: string
}

const roundsWord = process.argv.find((word) => word.startsWith('--rounds='))

/** The number of rounds, unless the command line has another one. */
export function roundsOr(rounds: number): number {
  return roundsWord === undefined ? rounds : Number(roundsWord.slice('--rounds='.length))
}

/** Measures all contestants in alternating order, after some rounds that do not count. Returns results by contestant, by round. */
export async function alternate<C, T>(
  contestants: readonly C[],
  rounds: number,
  measure: (contestant: C) => Promise<T>,
  warmUpRounds = 1,
): Promise<readonly (readonly T[])[]> {
  const results = contestants.map((): T[] => [])
  for (let round = -warmUpRounds; round < rounds; round++) {
    console.log(round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`)
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + round + warmUpRounds) % contestants.length
      const contestant = contestants[index]
      if (contestant === undefined) continue
      const result = await measure(contestant)
      if (round >= 0) results[index]?.push(result)
    }
  }
  return results
}

/** The median of the ratios of the rounds, and their range. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): string {
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
  return `${median(ratios).toFixed(2)} (${rangeOf(ratios, 2)})`
}

/** A median as text. */
export function figure(values: readonly number[], unit: string, digits = 0): string {
  return `${median(values).toFixed(digits)} ${unit}`
}

/** A database with a server of its own, and this many orders. */
export async function openOrders(count: number): Promise<TestDatabase> {
  const database = await openTestDatabase({ own: true, cacheSizeGb: 1, collections: [collection] })
  const orders = database.admin.db(name).collection<{ readonly _id: string }>(collection)
  for (let n = 0; n < count; n += 5_000) await orders.insertMany(ordersFrom(n, Math.min(5_000, count - n)))
  return database
}

/** CPU time of the database server so far. */
export async function mongodCpuSeconds(database: TestDatabase): Promise<number> {
  return await cpuSecondsOf(database.servers.members[0]?.pid ?? 0)
}
