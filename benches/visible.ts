/**
 * How long after its acknowledgement is a write visible to a reader? One process writes at a constant rate, and another one
 * follows: alternately a replica and a hand-written `watch` into a Map. Uses a real single-node MongoDB.
 * `npm run --prefix benches visible`
 */
import { openTestDatabase } from '@freshet/testkit'
import { median, printMachine, quantile } from './orders/figures.ts'
import { ServerChild } from './reader-get/child.ts'
import { collection, type Sighting } from './visible/world.ts'
import { writeEvenly, type Acknowledged } from './visible/writes.ts'

const paces = [
  { perSecond: 100, wanted: ', target p50 <= 2, p99 <= 15' },
  { perSecond: 500, wanted: '' },
]
const rounds = 5
const seconds = 6
const warmUpSeconds = 2

interface Follower {
  readonly name: string
  readonly file: string
  /** When each write was seen, by {@link sharedNow}, in write order. */
  readonly seenAt: (writes: readonly Acknowledged[], sightings: readonly Sighting[]) => readonly number[]
}

/** A write is visible at the first position at or after its own. */
function byPosition(writes: readonly Acknowledged[], sightings: readonly Sighting[]): readonly number[] {
  return writes.map(({ position }) => sightings.find(([at]) => at >= position)?.[1] ?? Number.NaN)
}

function byMark(writes: readonly Acknowledged[], sightings: readonly Sighting[]): readonly number[] {
  const times = new Map(sightings)
  return writes.map(({ mark }) => times.get(mark) ?? Number.NaN)
}

const followers: readonly Follower[] = [
  { name: 'replica', file: '../visible/replica-server.ts', seenAt: byPosition },
  { name: 'watch into a Map', file: '../visible/watch-server.ts', seenAt: byMark },
]

await using database = await openTestDatabase({ collections: [collection] })
const db = database.admin.db(database.database)

/** Milliseconds from the acknowledgement of each write until it was visible; negative if that was earlier. */
async function measure({ name, file, seenAt }: Follower, perSecond: number): Promise<readonly number[]> {
  await using child = new ServerChild(name, file, [])
  await child.ask({ follow: { uri: database.uriFor('reader') } })
  await writeEvenly(db, perSecond, warmUpSeconds)
  const writes = await writeEvenly(db, perSecond, seconds)
  // One more, so that the follower has passed all of them.
  await writeEvenly(db, 10, 1)
  const sightings = (await child.ask({})) as readonly Sighting[]
  const seen = seenAt(writes, sightings)
  if (seen.some((at) => Number.isNaN(at))) throw new Error(`${name}: a write was never seen`)
  return writes.map(({ at }, index) => ((seen[index] ?? Number.NaN) - at) / 1e6)
}

printMachine()
console.log(`${rounds} rounds of ${seconds} s for each, in turn; milliseconds after the acknowledgement`)
for (const { perSecond, wanted } of paces) {
  const delays = followers.map((): (readonly number[])[] => [])
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < followers.length; turn++) {
      const index = (turn + round) % followers.length
      const follower = followers[index]
      if (follower) delays[index]?.push(await measure(follower, perSecond))
    }
  console.log(`\n${perSecond} writes/s${wanted}`)
  for (const [index, { name }] of followers.entries()) {
    const runs = delays[index] ?? []
    const figure = (share: number): string => median(runs.map((run) => quantile(run, share))).toFixed(2)
    const early = (runs.flat().filter((ms) => ms <= 0).length / runs.flat().length) * 100
    const worst = Math.max(...runs.map((run) => quantile(run, 0.99))).toFixed(2)
    console.log(
      `  ${name.padEnd(16)} p50 ${figure(0.5)}, p99 ${figure(0.99)} (medians of the rounds; worst p99 ${worst}); ` +
        `${early.toFixed(0)} % seen before the acknowledgement`,
    )
  }
}
