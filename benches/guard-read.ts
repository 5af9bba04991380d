/**
 * What does the guard cost when one document is read from the database? Compares a raw `find` through the guard, the same
 * through the driver, and the driver's `findOne`. Each runs in its own process. Measures CPU time per read in alternating
 * rounds. `npm run --prefix benches guard-read`
 */
import { openTestDatabase } from '@freshet/testkit'
import { collection, documents } from './guard-read/world.ts'
import { median, printMachine, rangeOf } from './shared/figures.ts'
import { ServerChild } from './shared/child.ts'

const rounds = 9
const readsARound = 10_000
const warmUps = 3

await using database = await openTestDatabase({ collections: [collection] })
await database.admin
  .db(database.database)
  .collection(collection)
  .insertMany([...documents])

await using guarded = new ServerChild('guarded', '../guard-read/guarded-server.ts', [])
await using plain = new ServerChild('plain command', '../guard-read/plain-server.ts', [])
await using findOne = new ServerChild('plain findOne', '../guard-read/find-one-server.ts', [])
const contestants = [guarded, plain, findOne].map((child) => ({ child, microseconds: new Array<number>() }))

for (const { child } of contestants) await child.ask({ uri: database.uriFor('reader') })
for (let round = -warmUps; round < rounds; round++)
  for (let turn = 0; turn < contestants.length; turn++) {
    const contestant = contestants[(turn + round + warmUps) % contestants.length]
    const cost = (await contestant?.child.ask({ reads: readsARound })) as number
    if (round >= 0) contestant?.microseconds.push(cost)
  }

printMachine()
console.log(`16 concurrent reads, ${rounds} rounds of ${readsARound} reads each, interleaved`)
const [ours] = contestants
for (const { child, microseconds } of contestants) {
  const ratios = microseconds.map((us, round) => (ours?.microseconds[round] ?? Number.NaN) / us)
  console.log(
    `  ${child.name.padEnd(14)} ${median(microseconds).toFixed(0)} us of CPU time per read; guarded / this: ` +
      `${median(ratios).toFixed(3)} (rounds: ${rangeOf(ratios)})`,
  )
}
