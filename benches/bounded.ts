/**
 * Does the memory of a reader stay within its budget? Fills a cache with read results while as many other documents arrive
 * in the feed. Reports the peak of the process relative to the budget over a thousand samples, with the documented heap limit
 * and with the default one. `npm run --prefix benches bounded`
 */
import { Cache } from '@freshet/cache'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { documentEncoder, type CachedDocument } from '@freshet/reader'
import { BSON } from 'mongodb'
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Row } from './peers/rounds.ts'
import { orderOf } from './shared/documents.ts'
import { printMachine } from './shared/figures.ts'

const MiB = 2 ** 20
const budgetsMiB = [64, 512]
const keys = 1_500_000
const warmUps = 20_000
const keysATurn = 1_000

const mib = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`

/** The reader refuses a budget of more than three quarters of the heap. */
const heapFor = (budgetMiB: number): number => Math.ceil(budgetMiB / 0.75) + 64

async function compare(): Promise<void> {
  printMachine()
  console.log(`${keys} keys read, and as many changes`)
  for (const budgetMiB of budgetsMiB)
    for (const heapMiB of [heapFor(budgetMiB), undefined]) {
      const limit = heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`]
      console.log(`\nbudget ${budgetMiB} MiB, ${limit[0] ?? 'no heap limit'}`)
      const child = fork(import.meta.filename, [String(budgetMiB)], {
        execArgv: [...process.execArgv, '--expose-gc', ...limit],
      })
      const [code] = await once(child, 'exit')
      if (code !== 0) throw new Error(`exited with ${code}`)
    }
}

const encoder = documentEncoder(mongodbCodec.encode)

function open(budget: number): Cache<CachedDocument> {
  const recentBytes = budget / 16
  return new Cache({
    maxBytes: budget - recentBytes,
    recent: { maxBytes: recentBytes, encode: encoder.encode },
    sizeOf: encoder.sizeOf,
  })
}

function bring(cache: Cache<CachedDocument>): void {
  const read = randomUUID()
  const heard = randomUUID()
  cache.install(cache.beginFill(`order/${read}`), encoder.encode(BSON.serialize(orderOf(read))))
  cache.putRecent(`order/${heard}`, BSON.serialize(orderOf(heard)))
}

async function measure(budget: number): Promise<void> {
  const warm = open(budget)
  for (let i = 0; i < warmUps; i++) bring(warm)
  warm.newEpoch()
  globalThis.gc?.()
  const empty = process.memoryUsage().rss

  const cache = open(budget)
  let worst = 0
  let counted = 0
  for (let i = 1; i <= keys; i++) {
    bring(cache)
    if (i % keysATurn > 0) continue
    await nextTurn()
    worst = Math.max(worst, process.memoryUsage().rss)
    counted = Math.max(counted, cache.bytes)
  }
  if (counted > budget) throw new Error(`counted ${mib(counted)}, which is more than the budget`)
  globalThis.gc?.()
  const { rss: end } = process.memoryUsage()
  console.log(`  ${cache.entries} entries, ${cache.evictions} evictions; counted at most ${mib(counted)}`)
  console.log(
    `  the process: ${mib(empty)} before, ${mib(worst)} peak (${mib(end)} after a collection): ` +
      `budget + ${mib(worst - budget)}`,
  )
  const row: Row = {
    part: `cache of ${mib(budget)}`,
    contestant: 'cache under reads and changes',
    seen: `peak of the process: budget + ${mib(worst - budget)}`,
    mongodb: '',
    ratio: '',
    wanted: 'at most 150 MiB',
  }
  process.send?.([row])
}

const [, , budgetMiB] = process.argv
await (budgetMiB === undefined ? compare() : measure(Number(budgetMiB) * MiB))
