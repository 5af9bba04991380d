/**
 * Does the memory of a reader stay within its budget? A million documents go through a cache of 64 MiB as the answers of
 * reads, and a million others pass by in the feed. Said is how far the process grows beyond the budget, at its worst and
 * without a single collection being asked for. `pnpm --filter @freshet/benches bounded`
 */
import { Cache } from '@freshet/cache'
import { etagOf, presentJson } from '@freshet/collections'
import { heldPresentation, type Held } from '@freshet/reader'
import { BSON } from 'mongodb'
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { orderOf } from './orders/documents.ts'
import { printMachine } from './orders/figures.ts'

const MiB = 2 ** 20
const budget = 64 * MiB
const keys = 1_000_000
const warmUps = 20_000
const keysATurn = 1_000

const presentation = heldPresentation({ presentJson, etagOf })
const open = (): Cache<Held> =>
  new Cache({ maxBytes: (budget * 15) / 16, recentBytes: budget / 16, sizeOf: presentation.sizeOf })
const mib = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`

function bring(cache: Cache<Held>): void {
  const read = randomUUID()
  const heard = randomUUID()
  cache.install(cache.begin(`order/${read}`), presentation.present(BSON.serialize(orderOf(read))))
  cache.pass(`order/${heard}`, BSON.serialize(orderOf(heard)))
}

const warm = open()
for (let i = 0; i < warmUps; i++) bring(warm)
warm.newEpoch()
globalThis.gc?.()
const empty = process.memoryUsage().rss

const cache = open()
let worst = 0
let counted = 0
for (let i = 1; i <= keys; i++) {
  bring(cache)
  if (i % keysATurn > 0) continue
  await nextTurn()
  worst = Math.max(worst, process.memoryUsage().rss)
  counted = Math.max(counted, cache.bytes)
}
globalThis.gc?.()
const { rss: end } = process.memoryUsage()

printMachine()
console.log(`${keys} keys read and as many heard of; budget ${mib(budget)}, counted at most ${mib(counted)}`)
console.log(`  ${cache.entries} entries left, ${cache.evictions} made room`)
console.log(`  the process before: ${mib(empty)}; at its worst ${mib(worst)}, which is`)
console.log(
  `  the budget, what it had before, and ${mib(worst - empty - budget)} (${mib(end - empty - budget)} after a collection)`,
)
if (counted > budget) throw new Error('more was counted than the budget allows')
